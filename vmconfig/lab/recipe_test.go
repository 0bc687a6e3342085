package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"guesthouse/vmconfig"
)

const smallRecipe = `name: networks/web
course: Networks
title: A web server
base:
  debian:
    suite: bookworm
`

const fullRecipe = smallRecipe + `language: de
text: |
  # Aufgabe
disk: 3 GiB
machine: {cpus: 2, memory: 1536 MiB, firmware: uefi, os: "http://debian.org/debian/12"}
network:
  mode: internet
  ports:
    - {name: web, guest: 80}
files:
  - {from: files/index.html, to: /var/www/index.html}
  - from: tool
    to: /usr/local/bin/tool
    mode: 0755
commands:
  - systemctl enable nginx
  - |
    echo one
    echo two
checks: ["test -e /etc/hostname"]
submit-limit: 200 MiB
checkpoints: 3
expires: 2027-07-31
user:
  name: student
  password-hash: $6$saltsalt$abcdefghijklmnop
`

func TestParseRecipe(t *testing.T) {
	r, err := ParseRecipe([]byte(smallRecipe))
	if err != nil {
		t.Fatal(err)
	}
	if r.Language != "en" || r.Bytes() != 4*vmconfig.GiB || r.Network.Mode != NetworkIsolated || r.Config().Machine.MemoryMiB != 1024 {
		t.Errorf("%+v", r)
	}
	r, err = ParseRecipe([]byte(fullRecipe))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Config()
	if c.Checkpoints == nil || c.Checkpoints.Max != 3 || c.Expires.Format(time.DateTime) != "2027-07-31 23:59:59" {
		t.Errorf("%+v, %v", c.Checkpoints, c.Expires)
	}
	if c.Machine.CPUs != 2 || c.Machine.MemoryMiB != 1536 || c.Network.Ports[0] != (Port{"web", 80}) || c.Submit.GrowthMiB != 200 || c.Text != "# Aufgabe\n" {
		t.Errorf("%+v", c)
	}
	if r.Files[1].Permissions() != 0o755 || r.Files[0].Permissions() != 0o644 || len(r.Commands) != 2 || r.Commands[1] != "echo one\necho two\n" {
		t.Errorf("%+v", r)
	}
}

// TestRecipeRefused: each is refused with a sentence that has this in it.
func TestRecipeRefused(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	with := func(more string) string { return smallRecipe + more }
	for name, test := range map[string]struct{ recipe, want string }{
		"empty":              {"", "empty"},
		"comment only":       {"# nothing\n", "empty"},
		"a list":             {"- a\n", "must be a list of"},
		"two documents":      {with("---\nname: x\n"), "more than one document"},
		"not YAML":           {"name: [", "line"},
		"a tab":              {"base:\n\tdebian: x\n", "line 2"},
		"not UTF-8":          {"name: \xff\n", "UTF-8"},
		"unknown key":        {with("shell: true\n"), "Line 7 of the recipe: “shell” is not known"},
		"unknown deep key":   {with("machine:\n  cpu: 2\n"), "Line 8 of the recipe: “cpu” is not known here; possible: cpus"},
		"twice":              {with("title: Other\n"), "“title” is there twice"},
		"an alias":           {with("text: &t hello\nuser: {name: *t}\n"), "reference"},
		"a bomb":             {bomb, "not known"},
		"a merge":            {with("machine: {<<: {cpus: 2}}\n"), "not known"},
		"a tag":              {with("text: !!binary aGVsbG8=\n"), "tag"},
		"no value":           {with("text:\n"), "has no value"},
		"a list for a text":  {with("text: [a]\n"), "single value"},
		"a text for a list":  {with("commands: ls\n"), "must be a list"},
		"no number":          {with("machine: {cpus: many}\n"), "whole number"},
		"huge number":        {with("machine: {cpus: 99999999999}\n"), "whole number"},
		"too many CPUs":      {with("machine: {cpus: 65}\n"), "must be from 1 to 64"},
		"firmware":           {with("machine: {firmware: efi}\n"), "possible: bios, uefi"},
		"memory":             {with("machine: {memory: 1}\n"), "no unit"},
		"little memory":      {with("machine: {memory: 1 MiB}\n"), "must be from"},
		"disk":               {with("disk: 9000 TiB\n"), "must be from"},
		"disk without end":   {with("disk: " + strings.Repeat("9", 100) + " GiB\n"), "too long"},
		"network":            {with("network: {mode: bridge}\n"), "possible: isolated, internet, none"},
		"port":               {with("network: {ports: [{name: web, guest: 70000}]}\n"), "from 1 to 65535"},
		"no name":            {strings.Replace(smallRecipe, "name: networks/web\n", "", 1), "“name” is"},
		"no course":          {strings.Replace(smallRecipe, "course: Networks\n", "", 1), "“course” must be"},
		"language":           {with("language: german language\n"), "language code"},
		"two bases":          {with("") + "  lab: x\n", "exactly one"},
		"no base":            {"name: a\ncourse: C\ntitle: T\n", "exactly one"},
		"suite":              {strings.Replace(smallRecipe, "bookworm", "--help", 1), "name of a release"},
		"package option":     {with("    packages: [--yes]\n"), "“--yes” is not the name of a package"},
		"package to remove":  {with("    packages: [systemd-]\n"), "not the name"},
		"package pattern":    {with("    packages: ['?essential']\n"), "not the name"},
		"package file":       {with("    packages: [./x.deb]\n"), "not the name"},
		"mirror of files":    {with("    mirror: file:///etc\n"), "http://"},
		"mirror with line":   {with("    mirror: \"deb http://example.org/ x main\"\n"), "http://"},
		"mirror with user":   {with("    mirror: http://me:secret@example.org/debian\n"), "without user"},
		"mirror with option": {with("    mirror: \"http://example.org/[trusted=yes]\"\n"), "http://"},
		"image outside":      {"name: a\ncourse: C\ntitle: T\nbase: {image: ../disk.qcow2}\n", "in the recipe's folder"},
		"file outside":       {with("files: [{from: ../x, to: /x}]\n"), "in the recipe's folder"},
		"file outside, deep": {with("files: [{from: a/../../x, to: /x}]\n"), "in the recipe's folder"},
		"absolute file":      {with("files: [{from: /etc/shadow, to: /x}]\n"), "in the recipe's folder"},
		"file to nowhere":    {with("files: [{from: x}]\n"), "absolute path in the guest"},
		"file to relative":   {with("files: [{from: x, to: etc/x}]\n"), "absolute path in the guest"},
		"file to above":      {with("files: [{from: x, to: /etc/../x}]\n"), "absolute path in the guest"},
		"file to proc":       {with("files: [{from: x, to: /proc/sysrq-trigger}]\n"), "nothing lasts"},
		"file twice":         {with("files: [{from: x, to: /x}, {from: y, to: /x}]\n"), "twice"},
		"file's mode":        {with("files: [{from: x, to: /x, mode: u+s}]\n"), "octal"},
		"empty command":      {with("commands: [' ']\n"), "“commands[0]” is empty"},
		"control character":  {with("commands: [\"a\\0b\"]\n"), "control character"},
		"text outside":       {with("text-file: ../../etc/passwd\n"), "in the recipe's folder"},
		"two texts":          {with("text: a\ntext-file: b\n"), "cannot both"},
		"long text":          {with("text: " + strings.Repeat("x", MaxTextBytes+1) + "\n"), "at most 65536 bytes"},
		"checkpoints":        {with("checkpoints: 1001\n"), "from 0 to 1000"},
		"day":                {with("expires: 31.7.2027\n"), "a day such as"},
		"old day":            {with("expires: 1999-07-31\n"), "a day such as"},
		"long recipe":        {with("text: " + strings.Repeat("x", MaxRecipeBytes) + "\n"), "longer than"},
		"many commands":      {with("commands: [" + strings.Repeat("a,", maxYAMLItems) + "b]\n"), "at most 500"},
		"deep":               {strings.Repeat("[", 5000), "line"},
		"deep and closed":    {"name: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "single value"},
		"user":               {with("user: {name: root}\n"), "not root"},
		"user's line":        {with("user: {name: \"a:b\"}\n"), "lower-case"},
		"password":           {with("user: {name: a, password-hash: secret}\n"), "not the password"},
		"submit limit":       {with("submit-limit: 1 KiB\n"), "must be from"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := ParseRecipe([]byte(test.recipe))
			if err == nil || !errors.Is(err, ErrRecipe) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v\nis to have in it: %s", err, test.want)
			}
			if err != nil && len(err.Error()) > 64<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// FuzzRecipe: whatever is accepted makes a config in which nothing but the content's digests is missing, and names no file outside.
func FuzzRecipe(f *testing.F) {
	f.Add([]byte(smallRecipe))
	f.Add([]byte(fullRecipe))
	f.Add([]byte("name: a\ncourse: C\ntitle: T\nbase: {lab: 'a:1'}\ntext-file: t.md\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecipe(data)
		if err != nil {
			if !errors.Is(err, ErrRecipe) {
				t.Fatal(err)
			}
			return
		}
		c := r.Config()
		for _, fault := range c.Validate() {
			switch fault.Field {
			case "format", "id", "version", "course.key", "created", "disks[0].bytes", "disks[0].index":
			default:
				t.Errorf("%v", fault)
			}
		}
		for _, file := range r.Files {
			if !filepath.IsLocal(file.From) {
				t.Errorf("%q", file.From)
			}
		}
	})
}
