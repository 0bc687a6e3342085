//go:build probe

package main

// The program under test says where things are in its windows.
import _ "guesthouse/ui/probe"
