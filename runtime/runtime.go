// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/subbuf"
)

// Config configures a Runtime. Only Board is needed.
type Config struct {
	Board Board
	// Logger receives what happens beside the calls: crashes, restarts, log lines of firmware. nil: nothing is logged.
	Logger *slog.Logger
	// Checked removes access to buffers outside of brackets, so that an unbracketed access faults. It costs two system calls
	// a bracket. See Runtime.Guard.
	Checked bool
	// DDR and MSMC are the heaps of MallocDDR and MallocMSMC, by name or alias. "" means the aliases "ddr" and "msmc".
	DDR, MSMC string
	// Reuse bounds the memory that rests between buffers; it is on.
	Reuse ReuseConfig
	// Pools are reserved at the start. Quotas limit what is allocated; pools do not count.
	Pools  []PoolConfig
	Quotas []Quota
	// Cost is what copies and SYNC cost, for sub-buffers with subbuf.Auto. The zero value is subbuf.DefaultCost; Calibrate
	// measures it.
	Cost subbuf.CostModel
}

// Runtime is the buffers and sessions of one program on one board.
type Runtime struct {
	board   Board
	log     *slog.Logger
	checked bool
	ddr     string
	msmc    string
	stats   counters
	tickets atomic.Uint64
	buffers *bufmap.Map
	cache   cache
	memory  memoryCounters
	budgets budgets
	reached reached
	heaps   heapNames
	cost    atomic.Pointer[subbuf.CostModel]

	processors []*processor

	mu       sync.Mutex
	live     map[*Buffer]struct{}
	sessions map[*Session]struct{}
	closed   bool
}

// processor is a Processor of the board with its place in the buffer map.
type processor struct {
	Processor
	rt     *Runtime
	info   ProcessorInfo
	target *bufmap.Target

	mu    sync.Mutex
	over  uint32     // the last generation that is known to be over
	limbo []stranded // calls of a generation that may not be over
}

// New starts a runtime on a board. The board stays the caller's: close it after the runtime.
func New(c Config) (*Runtime, error) {
	if c.Board == nil {
		return nil, fmt.Errorf("starting the runtime: no board: %w", os.ErrInvalid)
	}
	rt := &Runtime{
		board: c.Board, log: c.Logger, checked: c.Checked, ddr: c.DDR, msmc: c.MSMC,
		buffers: bufmap.NewMap(), live: map[*Buffer]struct{}{}, sessions: map[*Session]struct{}{},
	}
	if rt.log == nil {
		rt.log = slog.New(slog.DiscardHandler)
	}
	if rt.ddr == "" {
		rt.ddr = "ddr"
	}
	if rt.msmc == "" {
		rt.msmc = "msmc"
	}
	list, err := c.Board.Processors()
	if err != nil {
		return nil, fmt.Errorf("starting the runtime on %s: %w", c.Board.Name(), err)
	}
	for _, p := range list {
		info := p.Info()
		t, err := rt.buffers.AddTarget(info.Name, info.Windows, p.Translators())
		if err != nil {
			return nil, fmt.Errorf("starting the runtime on %s: %w", c.Board.Name(), err)
		}
		rt.processors = append(rt.processors, &processor{Processor: p, rt: rt, info: info, target: t})
	}
	if err := rt.stock(c); err != nil {
		return nil, fmt.Errorf("starting the runtime on %s: %w", c.Board.Name(), errors.Join(err, rt.Close()))
	}
	return rt, nil
}

// Board returns the board.
func (rt *Runtime) Board() Board { return rt.board }

// processor finds a processor by name.
func (rt *Runtime) processor(name string) (*processor, error) {
	var names []string
	for _, p := range rt.processors {
		if p.info.Name == name {
			return p, nil
		}
		names = append(names, p.info.Name)
	}
	have := strings.Join(names, ", ")
	if have == "" {
		have = "none"
	}
	return nil, fmt.Errorf("processor %q: %w; board %s has: %s", name, fs.ErrNotExist, rt.board.Name(), have)
}

// Close closes all sessions, which stops the processors that they started, then all buffers. Buffers that a processor may
// still write to, because it could not be stopped, are not freed; the error names them.
func (rt *Runtime) Close() error {
	rt.mu.Lock()
	if rt.closed {
		rt.mu.Unlock()
		return nil
	}
	rt.closed = true
	sessions := keys(rt.sessions)
	rt.mu.Unlock()

	var errs []error
	for _, s := range sessions {
		errs = append(errs, s.Close())
	}
	rt.mu.Lock()
	buffers := keys(rt.live)
	rt.mu.Unlock()
	for _, b := range buffers {
		errs = append(errs, b.closeSubs())
	}
	for _, b := range buffers {
		errs = append(errs, b.Close())
	}
	rt.mu.Lock()
	for b := range rt.live {
		errs = append(errs, fmt.Errorf("%v is still with a processor and was not freed: %w", b, ErrQuarantined))
	}
	rt.mu.Unlock()
	errs = append(errs, rt.cache.close())
	if err := errors.Join(append(errs, rt.buffers.Close())...); err != nil {
		return fmt.Errorf("closing the runtime: %w", err)
	}
	return nil
}

func keys[T comparable](m map[T]struct{}) []T {
	out := make([]T, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}
