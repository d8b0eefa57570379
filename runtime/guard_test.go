// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

func TestGuard(t *testing.T) {
	board, err := sim.New(sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := runtime.New(runtime.Config{Board: board, Checked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(rt.Close(), board.Close()); err != nil {
			t.Error(err)
		}
	}()
	b, err := rt.Alloc(t.Context(), runtime.AllocConfig{Size: 10000, Name: "picture"})
	if err != nil {
		t.Fatal(err)
	}
	var leaked []byte
	var sink byte
	if err := rt.Guard(func() error {
		return b.View(dmabuf.ReadWrite, func(p []byte) error {
			p[5000] = 1
			leaked = p
			return nil
		})
	}); err != nil {
		t.Fatalf("access inside a bracket: %v", err)
	}
	for name, access := range map[string]func(){
		"read":  func() { sink = leaked[5000] },
		"write": func() { leaked[5000] = 2 },
	} {
		err := rt.Guard(func() error {
			access()
			return nil
		})
		var e *runtime.AccessError
		if !errors.Is(err, runtime.ErrUnbracketed) || !errors.As(err, &e) {
			t.Fatalf("%s outside a bracket: %v", name, err)
		}
		if e.Buffer != "picture" || e.Heap != "ddr" || e.Offset != 5000 || !strings.Contains(e.Site, "guard_test.go:") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if sink != 0 {
		t.Errorf("a read gave %d", sink)
	}
	// Other panics are not swallowed, faults elsewhere neither.
	for name, f := range map[string]func(){"panic": func() { panic("mine") }, "nil": func() { var p *int; *p = 1 }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was swallowed", name)
				}
			}()
			_ = rt.Guard(func() error { f(); return nil })
		}()
	}
}
