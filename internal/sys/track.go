// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// tracker is the one piece of package state: descriptors and mappings are made in every room, and a test binary wants to
// know of all of them. It is nil except in tests.
var tracker atomic.Pointer[Tracker]

// Tracker remembers who made the descriptors and mappings that are open.
type Tracker struct {
	mu       sync.Mutex
	open     map[*Record]struct{}
	mappings map[uintptr]*Record // those of open that are mappings; a slice has no place for its record
	lost     []*Record
}

// Record is one open descriptor or mapping.
type Record struct {
	What  string // "fd 7 (/dev/udmabuf)" or "mapping of 8192 bytes at 0x7f..."
	FD    int    // -1 for a mapping
	stack []uintptr

	by *Tracker
}

// Track installs t for everything that is made from now on; nil ends it.
func Track(t *Tracker) { tracker.Store(t) }

// NewTracker returns an empty tracker.
func NewTracker() *Tracker {
	return &Tracker{open: make(map[*Record]struct{}), mappings: make(map[uintptr]*Record)}
}

// Open returns what is open, in no order.
func (t *Tracker) Open() []*Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*Record, 0, len(t.open))
	for r := range t.open {
		list = append(list, r)
	}
	return list
}

// Lost returns the records of descriptors that became unreachable while open.
func (t *Tracker) Lost() []*Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*Record(nil), t.lost...)
}

func (t *Tracker) add(what string, fd int) *Record {
	r := &Record{What: what, FD: fd, by: t, stack: make([]uintptr, 24)}
	r.stack = r.stack[:runtime.Callers(3, r.stack)]
	t.mu.Lock()
	t.open[r] = struct{}{}
	t.mu.Unlock()
	return r
}

func (t *Tracker) mapped(addr uintptr, size int64) {
	r := t.add(fmt.Sprintf("mapping of %d bytes at %#x", size, addr), -1)
	t.mu.Lock()
	t.mappings[addr] = r
	t.mu.Unlock()
}

func (t *Tracker) unmapped(addr uintptr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.mappings[addr]; ok {
		delete(t.mappings, addr)
		delete(t.open, r)
	}
}

func (r *Record) drop() {
	r.by.mu.Lock()
	delete(r.by.open, r)
	r.by.mu.Unlock()
}

func (r *Record) lose() {
	r.by.mu.Lock()
	if _, open := r.by.open[r]; open {
		r.by.lost = append(r.by.lost, r)
	}
	r.by.mu.Unlock()
}

// Stack is where it was made, one frame a line.
func (r *Record) Stack() string {
	var b strings.Builder
	frames := runtime.CallersFrames(r.stack)
	for {
		f, more := frames.Next()
		if f.Function != "" {
			fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

func (f *FD) track() {
	t := tracker.Load()
	if t == nil || f.raw < 0 {
		return
	}
	f.record = t.add(fmt.Sprintf("fd %d (%s)", f.raw, f.name), f.raw)
	f.cleanup = runtime.AddCleanup(f, (*Record).lose, f.record)
}

func (f *FD) untrack() {
	if f.record == nil {
		return
	}
	f.cleanup.Stop()
	f.record.drop()
	f.record = nil
}

// Tracking returns the installed tracker or nil.
func Tracking() *Tracker { return tracker.Load() }
