// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

//go:embed builtin/*.toml
var builtin embed.FS

const builtinPrefix = "built-in:"

// Builtin returns the profiles of this package, by file name.
func Builtin() ([]*Profile, error) {
	files, err := fs.Glob(builtin, "builtin/*.toml")
	if err != nil {
		return nil, err
	}
	var list []*Profile
	for _, f := range files {
		text, err := builtin.ReadFile(f)
		if err != nil {
			return nil, err
		}
		p, err := Parse(builtinPrefix+path.Base(f), text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Select returns the built-in profile for a device tree's compatible strings, most specific first, as in the property
// "compatible" of its root. The error for an unknown board wraps fs.ErrNotExist.
func Select(compatible []string) (*Profile, error) {
	list, err := Builtin()
	if err != nil {
		return nil, err
	}
	for _, c := range compatible {
		for _, p := range list {
			if slices.Contains(p.Compatible, c) {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("no built-in profile for a board compatible with %q: %w", compatible, fs.ErrNotExist)
}
