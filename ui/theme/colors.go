package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours of our own, beside those that Fyne's theme names. Use them through Color.
const (
	ColorSurface       fyne.ThemeColorName = "gh.surface"       // a card on the window's background
	ColorSurfaceRaised fyne.ThemeColorName = "gh.surfaceRaised" // a button or chip on a card
	ColorMuted         fyne.ThemeColorName = "gh.muted"         // secondary text
	ColorOutline       fyne.ThemeColorName = "gh.outline"       // edge of cards and fields
	ColorSelected      fyne.ThemeColorName = "gh.selected"      // background of a selected row
	ColorTooltip       fyne.ThemeColorName = "gh.tooltip"       // background of a tooltip
	ColorOnTooltip     fyne.ThemeColorName = "gh.onTooltip"     // text of a tooltip
	ColorBezel         fyne.ThemeColorName = "gh.bezel"         // frame of the monitor picture
	ColorScreen        fyne.ThemeColorName = "gh.screen"        // dark screen of the monitor picture
	ColorOnScreen      fyne.ThemeColorName = "gh.onScreen"      // text on it

	ColorRunning fyne.ThemeColorName = "gh.state.running"
	ColorPaused  fyne.ThemeColorName = "gh.state.paused"
	ColorSaved   fyne.ThemeColorName = "gh.state.saved"
	ColorOff     fyne.ThemeColorName = "gh.state.off"
	ColorCrashed fyne.ThemeColorName = "gh.state.crashed"

	ColorZoneGreen fyne.ThemeColorName = "gh.zone.green" // bands of a ZoneSlider
	ColorZoneAmber fyne.ThemeColorName = "gh.zone.amber"
	ColorZoneRed   fyne.ThemeColorName = "gh.zone.red"
)

// pair is a colour in the light and in the dark variant.
type pair struct{ light, dark color.NRGBA }

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func rgba(v uint32, a uint8) color.NRGBA {
	c := rgb(v)
	c.A = a
	return c
}

func (p pair) in(variant fyne.ThemeVariant) color.Color {
	if variant == theme.VariantLight {
		return p.light
	}
	return p.dark
}

func both(light, dark uint32) pair { return pair{rgb(light), rgb(dark)} }

// palette is the whole theme. Text colours meet WCAG 2.1 AA (4.5:1) on the surfaces they are used on;
// a test computes it.
var palette = map[fyne.ThemeColorName]pair{
	theme.ColorNameBackground:                both(0xedf1f4, 0x11171c),
	theme.ColorNameForeground:                both(0x17222b, 0xe6edf1),
	theme.ColorNameButton:                    both(0xe3e9ee, 0x28343d),
	theme.ColorNameDisabledButton:            both(0xe9eef2, 0x1f2931),
	theme.ColorNameDisabled:                  both(0x93a0aa, 0x65757f),
	theme.ColorNamePlaceHolder:               both(0x5c6b76, 0x93a5b1),
	theme.ColorNamePrimary:                   both(0x0b6e84, 0x45b8d0),
	theme.ColorNameForegroundOnPrimary:       both(0xffffff, 0x05222a),
	theme.ColorNameHyperlink:                 both(0x0b6e84, 0x45b8d0),
	theme.ColorNameFocus:                     {rgba(0x0b6e84, 0x90), rgba(0x45b8d0, 0xa0)},
	theme.ColorNameHover:                     {rgba(0x17222b, 0x10), rgba(0xe6edf1, 0x12)},
	theme.ColorNamePressed:                   {rgba(0x17222b, 0x22), rgba(0xe6edf1, 0x26)},
	theme.ColorNameSelection:                 {rgba(0x0b6e84, 0x30), rgba(0x45b8d0, 0x3c)},
	theme.ColorNameInputBackground:           both(0xffffff, 0x161e24),
	theme.ColorNameInputBorder:               both(0xb4c0c9, 0x3d4c57),
	theme.ColorNameMenuBackground:            both(0xffffff, 0x222d35),
	theme.ColorNameOverlayBackground:         both(0xffffff, 0x1b242b),
	theme.ColorNameHeaderBackground:          both(0xe3e9ee, 0x1b242b),
	theme.ColorNameSeparator:                 both(0xd9e0e6, 0x2c3942),
	theme.ColorNameScrollBar:                 {rgba(0x17222b, 0x60), rgba(0xe6edf1, 0x60)},
	theme.ColorNameScrollBarBackground:       {rgba(0x17222b, 0x0c), rgba(0xe6edf1, 0x0c)},
	theme.ColorNameShadow:                    {rgba(0x17222b, 0x3c), rgba(0x000000, 0x80)},
	theme.ColorNameSuccess:                   both(0x17774a, 0x4cc38a),
	theme.ColorNameWarning:                   both(0x8f5b00, 0xe5a93d),
	theme.ColorNameError:                     both(0xb8263f, 0xf4798f),
	theme.ColorNameForegroundOnSuccess:       both(0xffffff, 0x04180d),
	theme.ColorNameForegroundOnWarning:       both(0xffffff, 0x1d1300),
	theme.ColorNameForegroundOnError:         both(0xffffff, 0x2b0710),
	theme.ColorNameInnerWindowBorder:         both(0xd9e0e6, 0x2c3942),
	theme.ColorNameInnerWindowBorderInactive: both(0xe3e9ee, 0x222d35),

	ColorSurface:       both(0xffffff, 0x1a232a),
	ColorSurfaceRaised: both(0xf4f7f9, 0x232e37),
	ColorMuted:         both(0x546370, 0x9fb1bd),
	ColorOutline:       both(0xd5dde3, 0x2e3b45),
	ColorSelected:      both(0xddeef2, 0x163642),
	ColorTooltip:       both(0x1f2c35, 0xdfe8ed),
	ColorOnTooltip:     both(0xf4f7f9, 0x17222b),
	ColorBezel:         both(0x3a4852, 0x3a4852),
	ColorScreen:        both(0x10191f, 0x0b1115),
	ColorOnScreen:      both(0xa9c3cd, 0x8fb0bc),

	ColorRunning: both(0x17774a, 0x4cc38a),
	ColorPaused:  both(0x8f5b00, 0xe5a93d),
	ColorSaved:   both(0x5a4fcf, 0xa79ef7),
	ColorOff:     both(0x596873, 0x94a3ae),
	ColorCrashed: both(0xb8263f, 0xf4798f),

	ColorZoneGreen: both(0x43a873, 0x3c9a69),
	ColorZoneAmber: both(0xe0a030, 0xc58c2a),
	ColorZoneRed:   both(0xd4526a, 0xc24a60),
}

// Color returns a colour of the current theme and variant; use it for canvas objects and read it again
// in a renderer's Refresh, which a change of theme calls. UI goroutine only.
func Color(name fyne.ThemeColorName) color.Color {
	p, ours := palette[name]
	settings := fyne.CurrentApp().Settings()
	if _, set := settings.Theme().(*guesthouse); set || !ours {
		return theme.Color(name)
	}
	return p.in(settings.ThemeVariant()) // another theme, as in other packages' tests, does not know our names
}

// IsDark reports whether the windows are dark now. UI goroutine only.
func IsDark() bool {
	settings := fyne.CurrentApp().Settings()
	if t, ours := settings.Theme().(*guesthouse); ours && t.forced {
		return t.variant == theme.VariantDark
	}
	return settings.ThemeVariant() == theme.VariantDark
}
