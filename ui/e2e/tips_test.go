package e2e

import (
	"image"
	"testing"

	"guesthouse/hypervisor/hosttest"
)

// TestTipGoesWithThePointer rests the pointer on a button of the manager and takes it out of the window without crossing the rest of it.
func TestTipGoesWithThePointer(t *testing.T) {
	h := hosttest.Start(t)
	p := startProgram(t, h, startScreen(t, h))
	p.waitText(manager, `^Welcome to Guesthouse$`)
	p.pointAt(p.aim(manager, "New"))
	p.waitText(manager, `^Make a new machine \(Ctrl\+N\)$`)
	p.pointAt(image.Pt(screenWidth-2, screenHeight-2))
	p.waitNoText(manager, `^Make a new machine`)
}
