// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/offload-runtime/offload/internal/sysfs"
)

const classDir = "class/remoteproc"

// Remoteproc describes one remoteproc of a kernel, as it was when listed.
type Remoteproc struct {
	Index    int    // N of remoteprocN; it follows the order of probing and may change at the next boot
	Device   string // "remoteproc0"
	Name     string // name attribute: "64800000.dsp"
	Parent   string // the platform device that drives it: stable across boots
	Node     string // its device tree node, empty without one
	State    State
	Firmware string
	Err      error // attributes that could not be read, joined

	dir sysfs.Dir
}

// Processor returns the life cycle of this remoteproc.
func (r Remoteproc) Processor() *Processor {
	name := r.Name
	if name == "" {
		name = r.Device
	}
	return NewProcessor(name, r.dir)
}

// Attributes is the attribute directory of this remoteproc.
func (r Remoteproc) Attributes() Attributes { return r.dir }

func (r Remoteproc) String() string {
	if r.Name == "" || r.Name == r.Device {
		return r.Device
	}
	return r.Device + " (" + r.Name + ")"
}

// List returns the remoteprocs below a sysfs root, usually "/sys", ordered by index. What cannot be read of one of them
// is left empty and reported in its Err. A kernel without remoteproc gives an error that wraps fs.ErrNotExist.
func List(sysroot string) ([]Remoteproc, error) {
	class, err := sysfs.Dir{Root: sysroot}.Sub(classDir)
	if err != nil {
		return nil, fmt.Errorf("listing processors: %w", err)
	}
	names, err := class.List(".")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing processors: this kernel has no remoteproc (CONFIG_REMOTEPROC): %w", err)
		}
		return nil, fmt.Errorf("listing processors: %w", err)
	}
	var infos []Remoteproc
	for _, name := range names {
		index, ok := deviceIndex(name)
		if !ok {
			continue
		}
		dir, err := class.Sub(name) // an entry is a link: sysfs follows it
		if err != nil {
			return nil, fmt.Errorf("listing processors: %w", err)
		}
		infos = append(infos, describe(dir, name, index))
	}
	slices.SortFunc(infos, func(a, b Remoteproc) int { return cmp.Compare(a.Index, b.Index) })
	return infos, nil
}

// deviceIndex takes N from remoteprocN.
func deviceIndex(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "remoteproc")
	if !ok {
		return 0, false
	}
	index, err := strconv.ParseUint(digits, 10, 31)
	return int(index), err == nil && strconv.FormatUint(index, 10) == digits
}

func describe(dir sysfs.Dir, device string, index int) Remoteproc {
	info := Remoteproc{Index: index, Device: device, dir: dir}
	attr := func(name string) string {
		s, err := dir.ReadAttr(name)
		info.Err = errors.Join(info.Err, err)
		return strings.TrimSpace(s)
	}
	info.Name = attr("name")
	info.State = State(attr("state"))
	info.Firmware = attr("firmware")
	// …/64800000.dsp/remoteproc/remoteproc0
	path, err := dir.Resolve(".")
	info.Err = errors.Join(info.Err, err)
	if class := filepath.Dir(path); err == nil && filepath.Base(class) == "remoteproc" {
		info.Parent = filepath.Base(filepath.Dir(class))
		if node, err := (sysfs.Dir{Root: filepath.Dir(class)}).Readlink("of_node"); err == nil {
			info.Node = filepath.Base(node)
		}
	}
	return info
}

// NotFoundError says that there is no processor of a name and which there are. It wraps fs.ErrNotExist.
type NotFoundError struct {
	Name      string
	Available []string
}

func (e *NotFoundError) Error() string {
	if len(e.Available) == 0 {
		return fmt.Sprintf("no processor %q: there are none", e.Name)
	}
	return fmt.Sprintf("no processor %q: there are %s", e.Name, strings.Join(e.Available, ", "))
}

func (e *NotFoundError) Unwrap() error { return fs.ErrNotExist }

// Find returns the remoteproc that name means: an alias, or a device ("remoteproc0"), kernel name ("64800000.dsp"), parent
// device or device tree node. The value of an alias is one of the others. An alias goes before a kernel's name, so that
// a board profile has the last word. A name that fits several remoteprocs is an error.
func Find(sysroot, name string, aliases map[string]string) (Remoteproc, error) {
	infos, err := List(sysroot)
	if err != nil {
		return Remoteproc{}, err
	}
	target := name
	if to, ok := aliases[name]; ok {
		target = to
	}
	kinds := []func(Remoteproc) string{
		func(r Remoteproc) string { return r.Device },
		func(r Remoteproc) string { return r.Name },
		func(r Remoteproc) string { return r.Parent },
		func(r Remoteproc) string { return r.Node },
	}
	for _, kind := range kinds {
		var hits []Remoteproc
		for _, i := range infos {
			if target != "" && kind(i) == target {
				hits = append(hits, i)
			}
		}
		if len(hits) == 1 {
			return hits[0], nil
		}
		if len(hits) > 1 {
			return Remoteproc{}, fmt.Errorf("processor %q is ambiguous: %v and %v", name, hits[0], hits[1])
		}
	}
	e := &NotFoundError{Name: name}
	for _, i := range infos {
		e.Available = append(e.Available, i.String())
	}
	for _, alias := range sortedKeys(aliases) {
		e.Available = append(e.Available, fmt.Sprintf("%s (for %s)", alias, aliases[alias]))
	}
	return Remoteproc{}, e
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
