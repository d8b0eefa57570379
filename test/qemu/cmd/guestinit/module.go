// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// loadModules loads all of them, in the order given as far as their dependencies allow: one whose symbols are not there
// yet (ENOENT) is tried again after the others.
func loadModules(modules []guest.Module) error {
	for len(modules) > 0 {
		var later []guest.Module
		var last error
		for _, m := range modules {
			err := loadModule(m)
			if errors.Is(err, unix.ENOENT) {
				later, last = append(later, m), err
				continue
			}
			if err != nil {
				return err
			}
		}
		if len(later) == len(modules) {
			return last
		}
		modules = later
	}
	return nil
}

// checkProcessors finds out whether the drivers made a processor of each name. A driver that refuses its device does not
// fail the loading of its module.
func checkProcessors(want []string) error {
	paths, err := filepath.Glob("/sys/class/remoteproc/*/name")
	if err != nil {
		return err
	}
	have := make(map[string]bool)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		have[strings.TrimSpace(string(text))] = true
	}
	for _, name := range want {
		if !have[name] {
			return fmt.Errorf("no remote processor %s, but %v; see the kernel log", name, have)
		}
	}
	return nil
}

func loadModule(m guest.Module) error {
	f, err := os.Open(filepath.Join(guest.ModuleDir, m.File))
	if err != nil {
		return fmt.Errorf("%w (%v)", unix.EINVAL, err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), m.Params, 0); err != nil {
		return fmt.Errorf("loading %s %s: %w", m.File, m.Params, err)
	}
	return nil
}
