// Package console is one machine's window: its screen, the keyboard and mouse that go into it, and a toolbar for what is done while looking
// at it.
//
// From the outside in: Window puts the parts together and follows the machine; link keeps a connection to the machine's display and renews it
// when it breaks; frames takes the pixels from the link's goroutine to the painter; Display is the widget that shows them and turns keys and
// mouse into what the guest's devices report. Everything that decides something (body, keyboard, place, closeOptions) is plain Go and is
// tested without a window.
//
// All exported functions and methods belong to the UI goroutine unless they say otherwise.
package console
