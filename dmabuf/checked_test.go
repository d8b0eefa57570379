// SPDX-License-Identifier: Apache-2.0

package dmabuf_test

import (
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

// touch reports whether writing to p faults.
func touch(p []byte) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(interface{ Addr() uintptr }); !ok {
				panic(fmt.Sprintf("no fault: %v", e))
			}
			faulted = true
		}
	}()
	p[0]++
	return false
}

func TestChecked(t *testing.T) {
	for _, before := range []bool{true, false} { // switched on before or after the mapping is made
		t.Run(fmt.Sprintf("before=%v", before), func(t *testing.T) {
			b := anonymous(t, 8192)
			if before {
				if err := b.SetChecked(true); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := b.Base(); err != nil {
				t.Fatal(err)
			}
			if !before {
				if err := b.SetChecked(true); err != nil {
					t.Fatal(err)
				}
			}
			var kept []byte
			b.View(dmabuf.ReadWrite, func(p []byte) error {
				if touch(p) {
					t.Error("a fault in a bracket")
				}
				kept = p
				b.View(dmabuf.Read, func([]byte) error { return nil })
				if touch(p) {
					t.Error("a fault after an inner bracket")
				}
				return nil
			})
			if !touch(kept) {
				t.Error("no fault outside of a bracket")
			}
			if err := b.SetChecked(false); err != nil {
				t.Fatal(err)
			}
			if touch(kept) {
				t.Error("a fault although nothing is checked")
			}
		})
	}
}

// Switching inside of a bracket takes effect at its end.
func TestCheckedInBracket(t *testing.T) {
	b := anonymous(t, 4096)
	b.Open(dmabuf.ReadWrite)
	p, _ := b.Bytes()
	b.SetChecked(true)
	if touch(p) {
		t.Error("a fault in a bracket")
	}
	b.Shut(dmabuf.ReadWrite)
	if !touch(p) {
		t.Error("no fault outside of a bracket")
	}
	b.Open(dmabuf.ReadWrite)
	b.SetChecked(false)
	b.Shut(dmabuf.ReadWrite)
	if touch(p) {
		t.Error("a fault although nothing is checked")
	}
}

// A mapping that is made outside of a bracket is inaccessible from the start.
func TestCheckedBase(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	b.SetChecked(true)
	if _, err := b.Base(); err != nil {
		t.Fatal(err)
	}
	if !touch(x.mapping) {
		t.Error("no fault outside of a bracket")
	}
}
