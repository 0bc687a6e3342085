// Package terminal is the widget for a guest's text console: a grid of characters over vt.Terminal, with keyboard, selection, clipboard and
// scroll-back. It knows no machines; bytes for the guest go to a function.
//
// A row is a picture of its own that is drawn again only when its line changed; a line that scrolls keeps its picture. Nothing happens while
// nothing arrives, and however much arrives, the window is drawn at most thirty times a second.
//
// Everything here is for the UI goroutine unless it says otherwise.
package terminal
