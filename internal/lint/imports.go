// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"slices"
	"strings"
)

// rooms says which rooms a room may import, besides itself. Imports go down only:
// cmd, runtime, {bufmap, subbuf, firmware, rpmsg}, dmabuf, internal.
var rooms = map[string][]string{
	"internal": {},
	"dmabuf":   {"internal"},
	"bufmap":   {"dmabuf", "internal"},
	"subbuf":   {"dmabuf", "internal"},
	"firmware": {"dmabuf", "internal"},
	"rpmsg":    {"dmabuf", "internal"},
	"profile":  {"bufmap", "internal"},
	"runtime":  {"bufmap", "subbuf", "firmware", "rpmsg", "profile", "dmabuf", "internal"},
	"sim":      {"runtime", "bufmap", "firmware", "rpmsg", "profile", "dmabuf", "internal"},
	// What stands above all rooms or beside them, as programs and tests do, may import any.
	"cmd":  {"*"},
	"test": {"*"},
	"kmod": {"*"}, // its Go code is tests
	// The contract suite runs on every board, from tests.
	"internal/contract": {"*"},
	"docs":              {"*"},
	"examples":          {"*"},
}

// importRules holds them for one file. Tests may import what they need: the compiler refuses cycles.
func importRules(f *file) (list []problem) {
	if f.ast == nil {
		return nil
	}
	room := f.room()
	if !strings.Contains(f.path, "/") {
		room = "cmd" // a file at the root belongs to no room
	}
	if _, special := rooms[f.dir()]; special {
		room = f.dir()
	}
	allowed, known := rooms[room]
	if !known {
		return []problem{f.problem("room %q is not among the rooms of the import rules", room)}
	}
	for imported, at := range f.imports() {
		if imported == "unsafe" && !strings.HasSuffix(f.base(), "_unsafe.go") && !strings.HasSuffix(f.base(), "_unsafe_test.go") {
			list = append(list, f.at(at, "unsafe outside of a *_unsafe.go file"))
		}
		if imported == "golang.org/x/sys/unix" && f.dir() != "internal/sys" && !strings.HasPrefix(f.path, "test/qemu/") {
			list = append(list, f.at(at, "%s outside of internal/sys", imported))
		}
		rel, ours := strings.CutPrefix(imported, module+"/")
		if !ours || f.isTest() {
			continue
		}
		target, _, _ := strings.Cut(rel, "/")
		if target != room && !slices.Contains(allowed, target) && !slices.Contains(allowed, "*") {
			list = append(list, f.at(at, "%s must not import %s", room, rel))
		}
		if slices.Contains(testSupport, rel) && room != "test" && !slices.Contains(testSupport, f.dir()) {
			list = append(list, f.at(at, "%s is for tests", rel))
		}
	}
	return list
}
