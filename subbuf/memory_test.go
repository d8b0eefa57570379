// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

// ram is memory that is strict about brackets.
type ram struct {
	name string
	b    []byte

	mu     sync.Mutex
	open   map[dmabuf.Access]int
	fail   error // of the next Begin
	closed bool
	log    []string
}

func newRAM(name string, size int64) *ram {
	return &ram{name: name, b: make([]byte, size), open: map[dmabuf.Access]int{}}
}

func (r *ram) Name() string { return r.name }
func (r *ram) Size() int64  { return int64(len(r.b)) }

func (r *ram) Begin(a dmabuf.Access) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	if err := r.fail; err != nil {
		r.fail = nil
		return err
	}
	// The rule that the gate keeps: a START for reading while somebody writes throws his bytes away.
	if a&dmabuf.Read != 0 && r.open[dmabuf.Write]+r.open[dmabuf.ReadWrite] > 0 {
		return errors.New("START for reading in a bracket for writing")
	}
	r.open[a]++
	r.log = append(r.log, "start "+a.String())
	return nil
}

func (r *ram) End(a dmabuf.Access) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[a] == 0 {
		return fmt.Errorf("END %v of a bracket that is not open", a)
	}
	if a == dmabuf.Read && r.open[dmabuf.Write]+r.open[dmabuf.ReadWrite] > 0 {
		return errors.New("END for reading in a bracket for writing")
	}
	r.open[a]--
	r.log = append(r.log, "end "+a.String())
	return nil
}

func (r *ram) Bytes() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.open {
		if n > 0 {
			return r.b, nil
		}
	}
	return nil, dmabuf.ErrNoBracket
}

func (r *ram) quiet() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, n := range r.open {
		if n != 0 {
			return fmt.Errorf("%q: %d brackets for %v are open", r.name, n, a)
		}
	}
	return nil
}

// arena gives rams out and knows which are free again.
type arena struct {
	mu   sync.Mutex
	live map[*ram]bool
	fail error
}

func newArena() *arena { return &arena{live: map[*ram]bool{}} }

func (a *arena) alloc(size int64, name string) (Memory, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return nil, a.fail
	}
	// Rounded up as pages are, and full of somebody's old bytes.
	r := newRAM(name, (size+63)/64*64)
	for i := range r.b {
		r.b[i] = 0xEE
	}
	a.live[r] = true
	return r, nil
}

func (a *arena) free(m Memory) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := m.(*ram)
	if !a.live[r] {
		return errors.New("freed twice")
	}
	delete(a.live, r)
	return r.quiet()
}

func testSet(t testing.TB, size int64, change func(*Config)) (*Set, *ram, *arena) {
	t.Helper()
	parent, a := newRAM("parent", size), newArena()
	for i := range parent.b {
		parent.b[i] = byte(i*7 + i>>8)
	}
	c := Config{Parent: parent, Alloc: a.alloc, Free: a.free, CacheLine: 64}
	if change != nil {
		change(&c)
	}
	s, err := NewSet(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.CloseChildren(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if len(a.live) != 0 {
			t.Errorf("%d copies were not freed", len(a.live))
		}
		if err := parent.quiet(); err != nil {
			t.Error(err)
		}
	})
	return s, parent, a
}

func mustNew(t testing.TB, s *Set, spec Spec) *Sub {
	t.Helper()
	sub, err := s.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// device returns the bytes of a sub-buffer as its processor sees them: without any bracket.
func device(s *Sub) []byte {
	m := s.Memory()
	for {
		if n, ok := m.(*Sub); ok {
			m = n.Memory()
			continue
		}
		return m.(*ram).b[s.Offset():][:s.Len()]
	}
}
