// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Dir is where the board files of a machine are.
const Dir = "/etc/offload"

// Load reads a profile from a file.
func Load(file string) (*Profile, error) {
	l, err := read(file)
	if err != nil {
		return nil, err
	}
	return Merge(l)
}

// LoadAll gives the profile of a machine: the built-in one for the device tree's compatible strings, over it the files
// *.toml of dir in the order of their names, over them file. A board without built-in profile, a dir that does not exist and
// the dir or file "" are layers that are not there. A file of dir that has compatible strings of its own is left out on
// machines that have none of them, so that one image serves several boards; file counts always.
func LoadAll(compatible []string, dir, file string) (*Profile, error) {
	var layers []Layer
	switch p, err := Select(compatible); {
	case err == nil:
		name := strings.TrimPrefix(p.Origin, builtinPrefix)
		text, err := builtin.ReadFile(path.Join("builtin", name))
		if err != nil {
			return nil, err
		}
		layers = append(layers, Layer{p.Origin, text})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	var errs []error
	for _, f := range files(dir, &errs) {
		l, err := read(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		own, _, err := decode(l)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		here := func(c string) bool { return slices.Contains(compatible, c) }
		if len(own.Compatible) == 0 || slices.ContainsFunc(own.Compatible, here) {
			layers = append(layers, l)
		}
	}
	if file != "" {
		l, err := read(file)
		if err != nil {
			errs = append(errs, err)
		}
		layers = append(layers, l)
	}
	p, err := Merge(layers...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return p, nil
}

// files lists dir. Names that begin with a dot are those of editors and package managers.
func files(dir string, errs *[]error) (list []string) {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			*errs = append(*errs, fmt.Errorf("board files: %w", err))
		}
		return nil
	}
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(n, ".toml") && n[0] != '.' && !e.IsDir() {
			list = append(list, filepath.Join(dir, n))
		}
	}
	return list
}

func read(file string) (Layer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Layer{}, fmt.Errorf("board file: %w", err)
	}
	return Layer{file, text}, nil
}
