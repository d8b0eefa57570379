// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/rpmsg"
	"github.com/offload-runtime/offload/runtime"
)

// Processor is a processor of a simulated board. It implements runtime.Processor.
type Processor struct {
	board    *Board
	cfg      ProcessorConfig
	windows  bufmap.Windows
	list     []bufmap.Window
	carveout *region // nil without
	remote   *firmware.Processor

	mu       sync.Mutex // the kernel's rproc->lock
	state    firmware.State
	firmware string
	recovery string
	coredump string
	power    int  // starts without their stop
	run      *run // from start to stop, also while crashed
	runs     []*run
	next     uint32        // next remote endpoint address
	changed  chan struct{} // closed and replaced when state or announcements change
	crash    string        // why it crashed last
	trace    string        // the trace buffer at that moment
}

var _ runtime.Processor = (*Processor)(nil)

func newProcessor(b *Board, c ProcessorConfig, w bufmap.Windows) *Processor {
	p := &Processor{
		board: b, cfg: c, windows: w, list: w.List(), state: firmware.StateOffline, recovery: "enabled", coredump: "disabled",
		next: firstAddress, changed: make(chan struct{}),
	}
	p.remote = firmware.NewProcessor(c.Name, attributes{p})
	return p
}

// Info implements runtime.Processor.
func (p *Processor) Info() runtime.ProcessorInfo {
	machine := p.cfg.Machine.String()
	switch p.cfg.Machine {
	case firmware.MachineTIC6000:
		machine = "c6000"
	case firmware.MachineNone:
		machine = ""
	}
	return runtime.ProcessorInfo{
		Name: p.cfg.Name, Kernel: p.cfg.Kernel, Machine: machine, Coherent: p.cfg.Coherent, CacheLine: p.cfg.CacheLine, Windows: p.windows,
	}
}

// Remoteproc implements runtime.Processor.
func (p *Processor) Remoteproc() *firmware.Processor { return p.remote }

// Translators implements runtime.Processor.
func (p *Processor) Translators() bufmap.Chain { return bufmap.Chain{translator{p}} }

// BuildFirmware makes a firmware file for this processor, of a program in Config.Programs.
func (p *Processor) BuildFirmware(program string) ([]byte, error) {
	c := p.cfg.Firmware
	if program != c.Program {
		c.Program, c.Name = program, ""
	}
	return Firmware(c)
}

// maxFileName is NAME_MAX.
const maxFileName = 255

// Install implements runtime.Processor: it stores the image under that name, for all processors of the board.
func (p *Processor) Install(name string, image []byte) (string, error) {
	if name == "" || len(name) > maxFileName || name[0] == '.' || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		return "", fmt.Errorf("%s: install firmware %q: %w", p.cfg.Name, name, firmware.ErrBadName)
	}
	b := p.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return "", fmt.Errorf("%s: install firmware %q: %w", p.cfg.Name, name, os.ErrClosed)
	}
	b.files[name] = bytes.Clone(image)
	return name, nil
}

// Dial implements runtime.Processor. It may be called again for the same service: each connection has an endpoint of its
// own, as those of RPMSG_CREATE_EPT_IOCTL.
func (p *Processor) Dial(ctx context.Context, service string) (rpmsg.Conn, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		state := p.state
		if p.board.isClosed() {
			p.mu.Unlock()
			return nil, fmt.Errorf("%s: dial %q: %w", p.cfg.Name, service, os.ErrClosed)
		}
		if state == firmware.StateRunning {
			if c := p.run.dial(service); c != nil {
				p.mu.Unlock()
				return c, nil
			}
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-p.board.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: dial %q: no such service was announced, the processor is %s: %w", p.cfg.Name, service, state, ctx.Err())
		}
	}
}

// Trace implements runtime.Processor.
func (p *Processor) Trace() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.run == nil:
		return "", fmt.Errorf("%s: trace: no firmware is loaded, the processor is %s: %w", p.cfg.Name, p.state, fs.ErrNotExist)
	case p.run.trace.mem == nil:
		return "", fmt.Errorf("%s: trace: the firmware has no trace buffer that can be reached: %w", p.cfg.Name, errors.ErrUnsupported)
	}
	return p.run.trace.text(), nil
}

// LastCrash returns why the processor crashed last, and its trace at that moment; two empty strings if it never did.
func (p *Processor) LastCrash() (reason, trace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.crash, p.trace
}

// broadcastLocked wakes those who wait for a change of state or announcements.
func (p *Processor) broadcastLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// crashed is rproc_report_crash and its work. It does nothing for a run that is over.
func (p *Processor) crashed(r *run, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != r || p.state != firmware.StateRunning {
		return
	}
	r.trace.printf("%s", reason)
	p.crash, p.trace = reason, r.trace.text()
	p.state = firmware.StateCrashed
	p.board.count.crashes.Add(1)
	if p.recovery == "enabled" {
		// Before the ring ends: a sender that waits for room must not take this for a crash that nobody recovers.
		r.hangUp(fmt.Errorf("%w: %s crashed: %s", rpmsg.ErrPeerGone, p.cfg.Name, reason))
		p.recoverSoonLocked()
	}
	r.end(fmt.Errorf("%s crashed: %s", p.cfg.Name, reason))
	p.broadcastLocked()
}

// recoverSoonLocked is the kernel's crash handler work.
func (p *Processor) recoverSoonLocked() {
	p.board.work.Add(1)
	go func() {
		defer p.board.work.Done()
		if p.cfg.RecoveryDelay > 0 {
			t := time.NewTimer(p.cfg.RecoveryDelay)
			defer t.Stop()
			select {
			case <-t.C:
			case <-p.board.done:
				return
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.recoverLocked()
	}()
}

// recoverLocked is rproc_trigger_recovery: it leaves the power count alone.
func (p *Processor) recoverLocked() {
	if p.state != firmware.StateCrashed || p.board.isClosed() {
		return
	}
	p.offLocked()
	if err := p.bootLocked(); err != nil {
		p.crash += "; recovery: " + err.Error()
	}
}

func (p *Processor) offLocked() {
	p.run.hangUp(rpmsg.ErrPeerGone)
	p.run.end(fmt.Errorf("%s was stopped", p.cfg.Name))
	p.run = nil
	p.state = firmware.StateOffline
	p.broadcastLocked()
}

func (p *Processor) bootLocked() error {
	r, err := p.load()
	if err != nil {
		return err
	}
	p.run = r
	p.state = firmware.StateRunning
	p.runs = append(slices.DeleteFunc(p.runs, (*run).over), r)
	r.start()
	p.broadcastLocked()
	return nil
}

// shutdown ends the processor with its board and returns the connections that were open.
func (p *Processor) shutdown() (open []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		open = append(open, r.openConns()...)
		r.hangUp(rpmsg.ErrPeerGone)
		r.end(fmt.Errorf("board closed: %w", os.ErrClosed))
	}
	p.run = nil
	p.state = firmware.StateOffline
	p.broadcastLocked()
	return open
}

// running names the functions of this processor that have not returned.
func (p *Processor) running() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		if f := r.current.Load(); f != nil {
			names = append(names, p.cfg.Name+"."+*f)
		}
	}
	return names
}

// Crash makes a processor crash, as an exception of its core does.
func (b *Board) Crash(processor, reason string) error {
	p, err := b.Processor(processor)
	if err != nil {
		return err
	}
	p.mu.Lock()
	r, state := p.run, p.state
	p.mu.Unlock()
	if state != firmware.StateRunning {
		return fmt.Errorf("%s: crash: the processor is %s", processor, state)
	}
	p.crashed(r, reason)
	return nil
}
