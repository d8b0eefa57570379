// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"reflect"
)

// place is where a key was written; for one that is missing, where its entry begins.
func (p *Profile) place(entry, key string) Place {
	if at, has := p.origins[entry+"."+key]; has {
		return at
	}
	at := p.origins[entry]
	at.Key += "." + key
	return at
}

// check fills in defaults and reports what cannot be.
func (p *Profile) check() error {
	var errs []error
	bad := func(list string, entry keyed, key, format string, args ...any) {
		at := p.place(entryKey(list, reflect.ValueOf(entry)), key)
		errs = append(errs, &Error{at.File, at.Line, at.Key, fmt.Errorf(format, args...)})
	}
	heaps := p.checkHeaps(bad)
	p.checkProcessors(bad)
	known := func(name string) bool { return name == "" || heaps[name] != "" || len(heaps) == 0 }
	for _, l := range p.Pools {
		switch {
		case l.Heap == "":
			bad("pool", l, "heap", "missing")
		case !known(l.Heap):
			bad("pool", l, "heap", "no heap has the name or alias %q", l.Heap)
		}
		if l.Size < 1 {
			bad("pool", l, "size", "%d is no size of a buffer", l.Size)
		}
		if l.Count < 1 {
			bad("pool", l, "count", "%d is no number of buffers", l.Count)
		} else if l.Size > 0 && l.Size > (1<<62)/int64(l.Count) {
			bad("pool", l, "count", "%d buffers of %d bytes are more than there can be", l.Count, l.Size)
		}
	}
	for _, q := range p.Quotas {
		if !known(q.Heap) {
			bad("quota", q, "heap", "no heap has the name or alias %q", q.Heap)
		}
		if q.Bytes < 0 {
			bad("quota", q, "bytes", "%d is negative", q.Bytes)
		}
		if q.Buffers < 0 {
			bad("quota", q, "buffers", "%d is negative", q.Buffers)
		}
	}
	return errors.Join(errs...)
}

type report func(list string, entry keyed, key, format string, args ...any)

// checkHeaps returns the heap of each name.
func (p *Profile) checkHeaps(bad report) map[string]string {
	seen := map[string]string{}
	for _, h := range p.Heaps {
		if h.Name == "" {
			bad("heap", h, "name", "missing")
		}
		for _, n := range append(append([]string{h.Name}, h.Names...), h.Aliases...) {
			if other, twice := seen[n]; twice && n != "" {
				bad("heap", h, "name", "%q is a name of heap %q already", n, other)
			}
			seen[n] = h.Name
		}
		for _, r := range h.Regions {
			if r.Size == 0 || r.Phys+(r.Size-1) < r.Phys {
				bad("heap", h, "region", "%#x bytes at physical %#x are no region", r.Size, r.Phys)
			}
		}
	}
	return seen
}

func (p *Profile) checkProcessors(bad report) {
	seen := map[string]string{}
	for i := range p.Processors {
		c := &p.Processors[i]
		if c.Name == "" {
			bad("processor", *c, "name", "missing")
		}
		if c.Device == "" {
			bad("processor", *c, "device", "missing")
		}
		for _, d := range append([]string{c.Device}, c.Devices...) {
			if other, twice := seen[d]; twice && d != "" {
				bad("processor", *c, "device", "%q is processor %q already", d, other)
			}
			seen[d] = c.Name
		}
		if c.AddressBits == 0 {
			c.AddressBits = 32
		}
		if c.CacheLine == 0 {
			c.CacheLine = 128
		}
		if c.CacheLine < 1 || c.CacheLine > 4096 || c.CacheLine&(c.CacheLine-1) != 0 {
			bad("processor", *c, "cache_line", "%d is no power of two up to 4096", c.CacheLine)
		}
		if c.AddressBits < 1 || c.AddressBits > 64 {
			bad("processor", *c, "address_bits", "%d is not within 1 to 64", c.AddressBits)
		} else if _, err := c.AddressMap(); err != nil {
			bad("processor", *c, "window", "%w", err)
		}
	}
}
