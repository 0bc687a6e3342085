// Package theme is the program's look: colours in a light and a dark variant, sizes on an 8-unit grid,
// the Inter typeface, and themable icons.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"guesthouse/assets"
)

// Appearance chooses the variant, as the settings file spells it.
const (
	Auto  = "auto" // what the desktop says
	Light = "light"
	Dark  = "dark"
)

// Distances in Fyne units; everything is laid out on this grid.
const (
	Gap1 float32 = 4  // inside one thing: icon and its label
	Gap2 float32 = 8  // between neighbours
	Gap3 float32 = 12 // inside a card
	Gap4 float32 = 16 // between groups
	Gap6 float32 = 24 // round a page

	Radius     float32 = 8  // corners of cards, fields and buttons
	IconSmall  float32 = 16 // beside text
	IconNormal float32 = 20 // on buttons
	IconLarge  float32 = 32 // tiles
	FocusWidth float32 = 2  // the focus ring
	TextSmall  float32 = 12
	TextNormal float32 = 14
	TextTitle  float32 = 20
)

type guesthouse struct {
	variant fyne.ThemeVariant
	forced  bool
	base    fyne.Theme
}

// New returns the theme for an appearance: Auto, Light or Dark; anything else counts as Auto.
func New(appearance string) fyne.Theme {
	t := &guesthouse{base: theme.DefaultTheme()}
	switch appearance {
	case Light:
		t.variant, t.forced = theme.VariantLight, true
	case Dark:
		t.variant, t.forced = theme.VariantDark, true
	}
	return t
}

// Color implements fyne.Theme.
func (t *guesthouse) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if t.forced {
		variant = t.variant
	}
	p, ours := palette[name]
	if !ours {
		return t.base.Color(name, variant)
	}
	return p.in(variant)
}

// Size implements fyne.Theme.
func (t *guesthouse) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return TextNormal
	case theme.SizeNameCaptionText:
		return TextSmall
	case theme.SizeNameSubHeadingText:
		return 16
	case theme.SizeNameHeadingText:
		return TextTitle
	case theme.SizeNamePadding:
		return 6
	case theme.SizeNameInnerPadding:
		return Gap2
	case theme.SizeNameInlineIcon:
		return IconNormal
	case theme.SizeNameInputRadius, theme.SizeNameButtonRadius, theme.SizeNameCardRadius, theme.SizeNameMenuRadius, theme.SizeNamePopupRadius:
		return Radius
	case theme.SizeNameDialogRadius, theme.SizeNameInnerWindowRadius:
		return 12
	case theme.SizeNameSelectionRadius:
		return 6
	case theme.SizeNameScrollBar:
		return 10
	case theme.SizeNameScrollBarSmall:
		return 4
	case theme.SizeNameScrollBarRadius:
		return 4
	case theme.SizeNameSplitThickness:
		return 2
	}
	return t.base.Size(name)
}

var (
	regular  = font("Inter-Regular")
	semibold = font("Inter-SemiBold")
)

func font(name string) fyne.Resource {
	data, err := assets.Font(name)
	if err != nil {
		return nil // Font falls back to the base theme
	}
	return fyne.NewStaticResource(name+".otf", data)
}

// Font implements fyne.Theme: Inter, except for monospace, italics and symbols.
func (t *guesthouse) Font(style fyne.TextStyle) fyne.Resource {
	var own fyne.Resource
	switch {
	case style.Monospace, style.Italic, style.Symbol:
	case style.Bold:
		own = semibold
	default:
		own = regular
	}
	if own == nil {
		return t.base.Font(style)
	}
	return own
}

// stock maps icons of Fyne's own widgets to ours, so that both belong together.
var stock = map[fyne.ThemeIconName]string{
	theme.IconNameArrowDropDown:  "chevron-down",
	theme.IconNameArrowDropUp:    "chevron-up",
	theme.IconNameCancel:         "close",
	theme.IconNameConfirm:        "check",
	theme.IconNameContentClear:   "close",
	theme.IconNameContentCopy:    "copy",
	theme.IconNameDelete:         "trash",
	theme.IconNameError:          "error",
	theme.IconNameFolder:         "folder",
	theme.IconNameFolderOpen:     "folder",
	theme.IconNameInfo:           "info",
	theme.IconNameMenuExpand:     "chevron-right",
	theme.IconNameMoreHorizontal: "more",
	theme.IconNameNavigateBack:   "chevron-left",
	theme.IconNameNavigateNext:   "chevron-right",
	theme.IconNameSearch:         "search",
	theme.IconNameSettings:       "settings",
	theme.IconNameViewRefresh:    "refresh",
	theme.IconNameWarning:        "warning",
}

// Icon implements fyne.Theme.
func (t *guesthouse) Icon(name fyne.ThemeIconName) fyne.Resource {
	if own, ok := stock[name]; ok {
		return Icon(own)
	}
	return t.base.Icon(name)
}
