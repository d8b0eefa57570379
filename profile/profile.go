// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/offload-runtime/offload/bufmap"
)

// ErrInvalid is wrapped by every error about the content of a profile.
var ErrInvalid = errors.New("invalid board profile")

// Profile is one board.
type Profile struct {
	Name       string      `toml:"name"`
	Compatible []string    `toml:"compatible"` // of the device tree's root
	Heaps      []Heap      `toml:"heap"`
	Processors []Processor `toml:"processor"`

	// Origin is the file that the profile came from, "built-in:NAME" for those of this package.
	Origin string `toml:"-"`
}

// Heap is what is known of a heap beside what the kernel tells.
type Heap struct {
	Name       string   `toml:"name"`
	Names      []string `toml:"names"`   // other names that kernels have given it
	Aliases    []string `toml:"aliases"` // names that programs use
	Contiguous bool     `toml:"contiguous"`
	Cached     bool     `toml:"cached"`   // the CPU mapping
	Unmapped   bool     `toml:"unmapped"` // the CPU cannot map its buffers
	Stale      bool     `toml:"stale"`    // new buffers are not zeroed
	OnChip     bool     `toml:"on_chip"`
}

// Is tells whether the kernel's heap of that name is this one.
func (h *Heap) Is(name string) bool { return h.Name == name || slices.Contains(h.Names, name) }

// Processor is what is known of a processor beside what the kernel tells.
type Processor struct {
	Name        string   `toml:"name"`
	Device      string   `toml:"device"` // platform device such as "64800000.dsp", or the remoteproc's attribute "name"
	Machine     string   `toml:"machine"`
	AddressBits int      `toml:"address_bits"` // 1 to 64; 0 is 32
	CacheLine   int      `toml:"cache_line"`   // bytes; 0 is 128
	Coherent    *bool    `toml:"coherent"`     // sees the CPU's caches; without it the device tree decides
	Windows     []Window `toml:"window"`
}

// Window is a range of physical addresses that the processor sees elsewhere.
type Window struct {
	Name   string `toml:"name"`
	Phys   uint64 `toml:"phys"`
	Device uint64 `toml:"device"`
	Size   uint64 `toml:"size"`
}

// AddressMap returns the windows in the form that package bufmap works with. A processor without windows sees physical
// addresses.
func (p *Processor) AddressMap() (bufmap.Windows, error) {
	if len(p.Windows) == 0 {
		return bufmap.Identity(p.AddressBits)
	}
	list := make([]bufmap.Window, len(p.Windows))
	for i, w := range p.Windows {
		list[i] = bufmap.Window{Name: w.Name, Phys: bufmap.PhysAddr(w.Phys), Device: bufmap.DeviceAddr(w.Device), Size: w.Size}
	}
	return bufmap.NewWindows(p.AddressBits, list...)
}

// Error is a defect of a profile with its place. Line is 0 where it is not known.
type Error struct {
	File string
	Line int
	Key  string
	Err  error
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Err.Error()
}

// Unwrap makes errors.Is work for ErrInvalid and the cause.
func (e *Error) Unwrap() []error { return []error{ErrInvalid, e.Err} }

// Parse reads a profile. file is for errors and Origin.
func Parse(file string, text []byte) (*Profile, error) {
	p := &Profile{Origin: file}
	md, err := toml.Decode(string(text), p)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	at := places(text)
	var errs []error
	for _, k := range md.Undecoded() {
		key := k.String()
		errs = append(errs, &Error{File: file, Line: at.line(key, -1), Key: key, Err: errors.New("unknown key")})
	}
	errs = append(errs, p.check(file, at)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p, nil
}

// typeError is how the TOML library words the place of a value of the wrong type, for which it has no error type.
var typeError = regexp.MustCompile(`line (\d+) \(last key "([^"]*)"\): (.*)`)

func syntaxError(file string, err error) *Error {
	e := &Error{File: file, Err: err}
	var pe toml.ParseError
	if errors.As(err, &pe) {
		e.Line, e.Key, e.Err = pe.Position.Line, pe.LastKey, errors.New(strings.ReplaceAll(pe.Error(), "\n", " "))
		if pe.Message != "" {
			e.Err = errors.New(pe.Message)
		}
	} else if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Key, e.Err = m[2], errors.New(m[3])
	}
	return e
}

// check fills in defaults and reports what cannot be.
func (p *Profile) check(file string, at lines) (errs []error) {
	bad := func(table string, i int, key, format string, args ...any) {
		errs = append(errs, &Error{File: file, Line: at.line(table+"."+key, i), Key: fmt.Sprintf("%s[%d].%s", table, i, key),
			Err: fmt.Errorf(format, args...)})
	}
	seen := map[string]string{}
	for i := range p.Heaps {
		h := &p.Heaps[i]
		if h.Name == "" {
			bad("heap", i, "name", "missing")
		}
		for _, n := range append([]string{h.Name}, append(h.Names, h.Aliases...)...) {
			if other, twice := seen[n]; twice && n != "" {
				bad("heap", i, "name", "%q is a name of heap %q already", n, other)
			}
			seen[n] = h.Name
		}
	}
	names := map[string]bool{}
	for i := range p.Processors {
		c := &p.Processors[i]
		switch {
		case c.Name == "":
			bad("processor", i, "name", "missing")
		case names[c.Name]:
			bad("processor", i, "name", "%q is there twice", c.Name)
		}
		names[c.Name] = true
		if c.Device == "" {
			bad("processor", i, "device", "missing")
		}
		if c.AddressBits == 0 {
			c.AddressBits = 32
		}
		if c.CacheLine == 0 {
			c.CacheLine = 128
		}
		if c.CacheLine < 1 || c.CacheLine > 4096 || c.CacheLine&(c.CacheLine-1) != 0 {
			bad("processor", i, "cache_line", "%d is no power of two up to 4096", c.CacheLine)
		}
		if c.AddressBits < 1 || c.AddressBits > 64 {
			bad("processor", i, "address_bits", "%d is not within 1 to 64", c.AddressBits)
		} else if _, err := c.AddressMap(); err != nil {
			bad("processor", i, "window", "%w", err)
		}
	}
	return errs
}
