// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// SearchPath is where the kernel looks for firmware, in order (drivers/base/firmware_loader/main.c). custom is the
// parameter firmware_class.path, release that of uname; either may be empty.
func SearchPath(custom, release string) []string {
	var dirs []string
	if custom != "" {
		dirs = append(dirs, custom)
	}
	for _, dir := range []string{"/lib/firmware/updates", "/lib/firmware"} {
		if release != "" {
			dirs = append(dirs, dir+"/"+release)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// Store is a directory from which the kernel loads firmware: one of SearchPath. Several processes may use one directory.
type Store struct {
	Dir string
}

// Installed is one file that Install made.
type Installed struct {
	File string // the name for SetFirmware
	Name string // the name given to Install
	Size int64
}

// hashLength is the number of hex digits of the content's SHA-256 in a file name.
const hashLength = 16

// Install writes an image under a name made of name and its content ("fw.elf" becomes "fw-0123456789abcdef.elf") and
// returns that. A processor that runs is never changed: the kernel reads the file again at every recovery, so another
// content is another file. The file appears complete or not at all, and survives a power cut once Install returned.
// Installing the same again costs nothing.
func (s Store) Install(name string, image []byte) (file string, err error) {
	if err := checkFileName(name); err != nil {
		return "", fmt.Errorf("installing firmware: %w", err)
	}
	if len(image) == 0 {
		return "", fmt.Errorf("installing firmware %q: %w", name, badAt(Truncated, 0, "the image is empty"))
	}
	file = storedName(name, image)
	if err := s.install(file, image); err != nil {
		return "", fmt.Errorf("installing firmware %q in %s: %w", name, s.Dir, s.hint(err))
	}
	return file, nil
}

func (s Store) install(file string, image []byte) (err error) {
	root, err := s.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if same(root, file, image) {
		return nil
	}
	temp := ".offload-" + rand.Text()
	if err := writeFile(root, temp, image); err != nil {
		return errors.Join(err, removeIfThere(root, temp))
	}
	if err := root.Rename(temp, file); err != nil {
		return errors.Join(err, removeIfThere(root, temp))
	}
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (s Store) open() (*os.Root, error) {
	if s.Dir == "" {
		return nil, fmt.Errorf("no directory given: %w", fs.ErrInvalid)
	}
	return os.OpenRoot(s.Dir)
}

func (s Store) hint(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (run as root, or point firmware_class.path to a directory of your own)", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (make the directory first; it must be one that the kernel searches)", err)
	}
	return err
}

// storedName puts the hash before the extension, because drivers and people look at that.
func storedName(name string, image []byte) string {
	sum := sha256.Sum256(image)
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:])[:hashLength] + ext
}

// originalName is the inverse for the names that Install gives.
func originalName(file string) (string, bool) {
	ext := filepath.Ext(file)
	stem := strings.TrimSuffix(file, ext)
	at := len(stem) - hashLength
	if at < 2 || stem[at-1] != '-' {
		return "", false
	}
	for _, c := range []byte(stem[at:]) {
		if !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return "", false
		}
	}
	name := stem[:at-1] + ext
	return name, checkFileName(name) == nil
}

// same reads the file that is there: a name with the right hash is no proof of whole content.
func same(root *os.Root, file string, image []byte) bool {
	f, err := root.Open(file)
	if err != nil {
		return false
	}
	defer f.Close() // only read
	got, err := io.ReadAll(io.LimitReader(f, int64(len(image))+1))
	return err == nil && bytes.Equal(got, image)
}

func writeFile(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func removeIfThere(root *os.Root, name string) error {
	if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Remove deletes a file that Install made and no other. The caller knows that no processor uses it: the kernel needs it
// for recovery.
func (s Store) Remove(file string) (err error) {
	if _, ours := originalName(file); !ours {
		return fmt.Errorf("removing firmware: %w", badName(file, "was not made by Install"))
	}
	root, err := s.open()
	if err != nil {
		return fmt.Errorf("removing firmware %q: %w", file, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.Remove(file); err != nil {
		return fmt.Errorf("removing firmware %q from %s: %w", file, s.Dir, err)
	}
	return nil
}

// List returns the files that Install made, by name.
func (s Store) List() (list []Installed, err error) {
	root, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("listing firmware: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("listing firmware in %s: %w", s.Dir, err)
	}
	for _, e := range entries {
		name, ours := originalName(e.Name())
		if !ours || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("listing firmware in %s: %w", s.Dir, err)
		}
		list = append(list, Installed{File: e.Name(), Name: name, Size: info.Size()})
	}
	slices.SortFunc(list, func(a, b Installed) int { return strings.Compare(a.File, b.File) })
	return list, nil
}
