package labs

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"

	"golang.org/x/image/draw"

	"guesthouse/vmconfig/lab"
)

// Size of a card's picture in dots: half as much again as a card is in Fyne's units, for screens that have more of them.
const (
	pictureWidth  = 480
	pictureHeight = 204
	mostSide      = 2048 // of a picture that is read, as the library allows it
)

// readPicture reads the picture of a lab, checks that it is the one that was signed, and cuts it to a card's shape; nil when it cannot be shown.
func readPicture(path string, want lab.Digest) image.Image {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, lab.MaxPictureBytes+1))
	if err != nil || lab.Sum(data) != want {
		return nil
	}
	config, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.Width < 1 || config.Height < 1 || config.Width > mostSide || config.Height > mostSide {
		return nil
	}
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	return cover(full)
}

// cover fills a card's picture with the middle of another one.
func cover(full image.Image) image.Image {
	from := full.Bounds()
	w, h := from.Dx(), from.Dy()
	if w*pictureHeight > h*pictureWidth { // too wide
		cut := (w - max(1, h*pictureWidth/pictureHeight)) / 2
		from.Min.X, from.Max.X = from.Min.X+cut, from.Max.X-cut
	} else {
		cut := (h - max(1, w*pictureHeight/pictureWidth)) / 2
		from.Min.Y, from.Max.Y = from.Min.Y+cut, from.Max.Y-cut
	}
	out := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	draw.Draw(out, out.Bounds(), image.Black, image.Point{}, draw.Src) // what is transparent
	draw.ApproxBiLinear.Scale(out, out.Bounds(), full, from, draw.Over, nil)
	return out
}

// drawHills draws a calm landscape whose colour and shape follow from a seed.
func drawHills(seed []byte, dark bool) image.Image {
	sum := sha256.Sum256(seed)
	unit := func(i int) float64 { return float64(sum[i]) / 255 }
	hue := unit(0)
	lightness := func(layer int) float64 {
		if dark {
			return 0.15 + 0.055*float64(layer)
		}
		return 0.90 - 0.085*float64(layer)
	}
	saturation := 0.36
	if dark {
		saturation = 0.30
	}
	const layers = 4
	shades := make([]color.RGBA, layers+1)
	for i := range shades {
		shades[i] = hsl(math.Mod(hue+0.03*float64(i), 1), saturation, lightness(i))
	}
	out := image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight))
	var tops [layers]float64
	for x := range pictureWidth {
		at := float64(x) / pictureWidth
		for i := range tops {
			wave := math.Sin(2*math.Pi*(at*(0.7+0.5*unit(1+i))+unit(8+i))) + 0.4*math.Sin(2*math.Pi*(at*(1.9+unit(16+i))+unit(20+i)))
			tops[i] = pictureHeight * (0.38 + 0.15*float64(i) + 0.07*wave)
		}
		for y := range pictureHeight {
			shade, middle := shades[0], float64(y)+0.5
			for i, top := range tops {
				if over := middle - top; over >= 1 {
					shade = shades[i+1]
				} else if over > 0 { // the edge, smooth
					shade = mix(shade, shades[i+1], over)
				}
			}
			out.SetRGBA(x, y, shade)
		}
	}
	return out
}

func mix(a, b color.RGBA, part float64) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8(float64(x)*(1-part) + float64(y)*part) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 255}
}

// hsl is a colour by hue, saturation and lightness, each 0 to 1.
func hsl(h, s, l float64) color.RGBA {
	f := func(n float64) uint8 {
		k := math.Mod(n+h*12, 12)
		return uint8(255 * (l - s*min(l, 1-l)*max(-1, min(k-3, 9-k, 1))))
	}
	return color.RGBA{f(0), f(8), f(4), 255}
}
