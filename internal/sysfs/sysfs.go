// SPDX-License-Identifier: Apache-2.0

package sysfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/offload-runtime/offload/internal/sys"
)

// Dir is a directory of attributes and further directories.
type Dir struct {
	Root string
}

// Path returns the path of name. Names are relative and clean: "state", "rpmsg0/name". One that leads out of Root is
// refused with an error that wraps fs.ErrInvalid. Links are followed: most entries of a class are links.
func (d Dir) Path(name string) (string, error) {
	if d.Root == "" {
		return "", fmt.Errorf("sysfs: %q in a Dir without Root: %w", name, fs.ErrInvalid)
	}
	if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("sysfs: %q is no name below %s: %w", name, d.Root, fs.ErrInvalid)
	}
	return filepath.Join(d.Root, name), nil
}

// Sub is the directory called name. It need not exist.
func (d Dir) Sub(name string) (Dir, error) {
	path, err := d.Path(name)
	return Dir{Root: path}, err
}

// ReadAttr reads a whole attribute and cuts the newline at its end. An attribute is at most one page; more is an error,
// because the rest would be lost.
func (d Dir) ReadAttr(name string) (value string, err error) {
	path, err := d.Path(name)
	if err != nil {
		return "", err
	}
	f, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := make([]byte, sys.Pagesize()+1)
	size := 0
	for size < len(buf) {
		n, err := f.Read(buf[size:])
		if err != nil {
			return "", err
		}
		if n == 0 {
			return strings.TrimSuffix(string(buf[:size]), "\n"), nil
		}
		size += n
	}
	return "", fmt.Errorf("reading %s: more than a page of %d bytes: %w", path, len(buf)-1, io.ErrShortBuffer)
}

// WriteAttr writes value to an attribute that exists, with one write(2), and returns the driver's errno.
func (d Dir) WriteAttr(name, value string) error {
	path, err := d.Path(name)
	if err != nil {
		return err
	}
	if err := sys.WriteOnce(path, []byte(value)); err != nil {
		return fmt.Errorf("value %q: %w", value, err)
	}
	return nil
}

// List returns the names in the directory called name, sorted; "." is d itself.
func (d Dir) List(name string) ([]string, error) {
	path, err := d.Path(name)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Readlink returns the text of a link, such as "../../bus/rpmsg/drivers/rpmsg_chrdev".
func (d Dir) Readlink(name string) (string, error) {
	path, err := d.Path(name)
	if err != nil {
		return "", err
	}
	return os.Readlink(path)
}

// Resolve follows all links in name and returns the path that it ends at. The path of a device names its ancestors.
func (d Dir) Resolve(name string) (string, error) {
	path, err := d.Path(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
