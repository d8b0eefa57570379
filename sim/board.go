// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

// Board is a simulated board. It implements runtime.Board.
type Board struct {
	cfg        Config
	memory     memory
	heaps      []*heap
	processors []*Processor
	programs   map[string]*Mux
	count      counters
	faults     faults
	inodes     atomic.Uint64
	devices    atomic.Uint32 // numbers of endpoints, as /dev/rpmsgN
	work       sync.WaitGroup
	done       chan struct{} // closed by Close

	mu      sync.Mutex
	files   map[string][]byte // what /lib/firmware is
	buffers map[*buffer]*dmabuf.Buffer
	byDMA   map[*dmabuf.Buffer]*buffer
	refs    int // buffers whose memory is in use, and the board itself
	closed  bool
}

var _ runtime.Board = (*Board)(nil)

// New makes a board. It is ready: default firmware is installed, processors are offline.
func New(cfg Config) (*Board, error) {
	if cfg.Name == "" {
		cfg.Name = "sim"
	}
	if cfg.Heaps == nil {
		cfg.Heaps = DefaultHeaps()
	}
	if cfg.Processors == nil {
		cfg.Processors = DefaultProcessors()
	}
	b := &Board{
		cfg: cfg, programs: map[string]*Mux{}, files: map[string][]byte{}, done: make(chan struct{}), refs: 1,
		buffers: map[*buffer]*dmabuf.Buffer{}, byDMA: map[*dmabuf.Buffer]*buffer{},
	}
	fail := func(err error) (*Board, error) { return nil, fmt.Errorf("simulated board %q: %w", cfg.Name, err) }
	if err := cfg.Faults.check(); err != nil {
		return fail(err)
	}
	b.faults.init(cfg.Faults)
	b.programs["functions"] = Functions()
	for name, m := range cfg.Programs {
		if m == nil || name == "" {
			return fail(fmt.Errorf("program %q: no Mux or no name", name))
		}
		if err := m.check(); err != nil {
			return fail(fmt.Errorf("program %q: %w", name, err))
		}
		b.programs[name] = m
	}
	for _, h := range cfg.Heaps {
		if err := b.addHeap(h); err != nil {
			return fail(err)
		}
	}
	for _, p := range cfg.Processors {
		if err := b.addProcessor(p); err != nil {
			return fail(err)
		}
	}
	return b, nil
}

func (b *Board) addHeap(c HeapConfig) error {
	switch {
	case c.Name == "" || b.heap(c.Name) != nil:
		return fmt.Errorf("heap %q: the name is empty or used twice", c.Name)
	case c.Size < 0:
		return fmt.Errorf("heap %q: %d bytes", c.Name, c.Size)
	case c.Scattered && c.Uncached:
		return fmt.Errorf("heap %q: scattered and uncached at once is not simulated", c.Name)
	}
	for _, a := range c.Aliases {
		if a != c.Name && b.heap(a) != nil {
			return fmt.Errorf("heap %q: alias %q is used twice", c.Name, a)
		}
	}
	r, err := b.memory.add(c.Name, span{uint64(c.Phys), uint64(c.Size)}, c.Uncached)
	if err != nil {
		return err
	}
	h := &heap{cfg: c, board: b, region: r}
	if !c.Scattered {
		h.ranges = newFreeList(r.span)
	}
	b.heaps = append(b.heaps, h)
	return nil
}

func (b *Board) addProcessor(c ProcessorConfig) error {
	c = c.complete()
	if b.processor(c.Name) != nil {
		return fmt.Errorf("processor %q: the name is used twice", c.Name)
	}
	w, err := c.windows()
	if err != nil {
		return err
	}
	p := newProcessor(b, c, w)
	if c.Carveout.Size > 0 {
		if p.carveout, err = b.memory.add(c.Name+" "+c.Carveout.Name, span{uint64(c.Carveout.Phys), c.Carveout.Size}, false); err != nil {
			return err
		}
	}
	if !c.NoFirmware {
		image, err := Firmware(c.Firmware)
		if err != nil {
			return fmt.Errorf("processor %q: %w", c.Name, err)
		}
		p.firmware = c.Name + "-" + c.Firmware.Program + ".elf"
		b.files[p.firmware] = image
	}
	b.processors = append(b.processors, p)
	return nil
}

// Name implements runtime.Board.
func (b *Board) Name() string { return b.cfg.Name }

// Stats returns what the board counted so far.
func (b *Board) Stats() Stats { return b.count.stats() }

// Heaps implements runtime.Board.
func (b *Board) Heaps() ([]runtime.HeapInfo, error) {
	if b.isClosed() {
		return nil, b.errClosed("heaps")
	}
	list := make([]runtime.HeapInfo, len(b.heaps))
	for i, h := range b.heaps {
		list[i] = h.info()
	}
	return list, nil
}

// Processors implements runtime.Board.
func (b *Board) Processors() ([]runtime.Processor, error) {
	if b.isClosed() {
		return nil, b.errClosed("processors")
	}
	list := make([]runtime.Processor, len(b.processors))
	for i, p := range b.processors {
		list[i] = p
	}
	return list, nil
}

// Processor returns a processor by name; the error wraps fs.ErrNotExist.
func (b *Board) Processor(name string) (*Processor, error) {
	if p := b.processor(name); p != nil {
		return p, nil
	}
	names := make([]string, len(b.processors))
	for i, p := range b.processors {
		names[i] = p.cfg.Name
	}
	return nil, fmt.Errorf("%s: no processor %q, there are %v: %w", b.cfg.Name, name, names, fs.ErrNotExist)
}

func (b *Board) processor(name string) *Processor {
	i := slices.IndexFunc(b.processors, func(p *Processor) bool { return p.cfg.Name == name })
	if i < 0 {
		return nil
	}
	return b.processors[i]
}

func (b *Board) heap(name string) *heap {
	for _, h := range b.heaps {
		if h.cfg.Name == name || slices.Contains(h.cfg.Aliases, name) {
			return h
		}
	}
	return nil
}

func (b *Board) heapNames() []string {
	names := make([]string, len(b.heaps))
	for i, h := range b.heaps {
		names[i] = h.cfg.Name
	}
	return names
}

// Phys returns the parts of a buffer in physical memory, for tests that look at it from below.
func (b *Board) Phys(d *dmabuf.Buffer) ([]bufmap.PhysAddr, error) {
	n, err := b.lookup(d)
	if err != nil {
		return nil, err
	}
	list := make([]bufmap.PhysAddr, len(n.extent))
	for i, e := range n.extent {
		list[i] = bufmap.PhysAddr(e.addr)
	}
	return list, nil
}

// Peek copies simulated physical memory at p to dst, as a logic analyser on the bus would see it: behind all caches.
func (b *Board) Peek(p bufmap.PhysAddr, dst []byte) error { return b.bus(p, dst, false) }

// Poke writes src to simulated physical memory.
func (b *Board) Poke(p bufmap.PhysAddr, src []byte) error { return b.bus(p, src, true) }

func (b *Board) bus(p bufmap.PhysAddr, data []byte, write bool) error {
	r := b.memory.find(p, uint64(len(data)))
	if r == nil {
		return fmt.Errorf("%s: no memory for %d bytes at physical %v", b.cfg.Name, len(data), p)
	}
	if err := b.ref(); err != nil {
		return err
	}
	defer b.unref()
	if err := r.open(); err != nil {
		return err
	}
	if m := r.bytes(uint64(p), uint64(len(data))); write {
		copy(m, data)
	} else {
		copy(data, m)
	}
	return nil
}

func (b *Board) errClosed(op string) error {
	return fmt.Errorf("%s: %s: %w", b.cfg.Name, op, os.ErrClosed)
}

func (b *Board) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// ref keeps the simulated memory.
func (b *Board) ref() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return os.ErrClosed
	}
	b.refs++
	return nil
}

func (b *Board) unref() error {
	b.mu.Lock()
	b.refs--
	last := b.refs == 0
	b.mu.Unlock()
	if !last {
		return nil
	}
	var errs []error
	for _, r := range b.memory.regions {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

func (b *Board) remember(n *buffer, d *dmabuf.Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buffers[n] = d
	b.byDMA[d] = n
}

func (b *Board) forget(n *buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byDMA, b.buffers[n])
	delete(b.buffers, n)
}

func (b *Board) lookup(d *dmabuf.Buffer) (*buffer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.byDMA[d]
	if n == nil {
		return nil, fmt.Errorf("%v is closed or not of board %q: %w", d, b.cfg.Name, errors.ErrUnsupported)
	}
	return n, nil
}

// closeTimeout is how long Close waits for functions that were told to stop.
const closeTimeout = 5 * time.Second

// Close stops the processors. Buffers and connections that are still open are listed in the error; connections are
// closed, buffers stay usable. A second Close does nothing.
func (b *Board) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	close(b.done)
	var open []string
	for _, n := range slices.SortedFunc(maps.Keys(b.buffers), func(x, y *buffer) int { return int(int64(x.info.Inode) - int64(y.info.Inode)) }) {
		open = append(open, fmt.Sprintf("buffer %q of %s, %d bytes", n.info.Name, n.info.Heap, n.info.Size))
	}
	b.mu.Unlock()
	for _, p := range b.processors {
		open = append(open, p.shutdown()...)
	}
	finished := make(chan struct{})
	go func() {
		b.work.Wait()
		close(finished)
	}()
	var errs []error
	if len(open) > 0 {
		errs = append(errs, fmt.Errorf("%d still open: %s", len(open), strings.Join(open, "; ")))
	}
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-finished:
		errs = append(errs, b.unref())
	case <-timer.C:
		var names []string
		for _, p := range b.processors {
			names = append(names, p.running()...)
		}
		errs = append(errs, fmt.Errorf("functions do not return although their processor was stopped: %s", strings.Join(names, ", ")))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing board %q: %w", b.cfg.Name, err)
	}
	return nil
}
