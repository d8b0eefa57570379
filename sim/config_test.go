// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
)

func TestConfigRefused(t *testing.T) {
	heap := HeapConfig{Name: "h", Phys: 0x1000_0000, Size: 1 << 20}
	cpu := ProcessorConfig{Name: "p", Carveout: bufmap.Window{Phys: 0x4000_0000, Device: 0x8000_0000, Size: 1 << 21}}
	badMux := func(f func(m *Mux)) map[string]*Mux { m := NewMux(); f(m); return map[string]*Mux{"x": m} }
	h := func(f func(h *HeapConfig)) Config { x := heap; f(&x); return Config{Heaps: []HeapConfig{x}} }
	p := func(f func(p *ProcessorConfig)) Config {
		x := cpu
		f(&x)
		return Config{Heaps: []HeapConfig{heap}, Processors: []ProcessorConfig{x}}
	}
	nop := func(*Call) error { return nil }
	for name, c := range map[string]Config{
		"heap without name":     h(func(h *HeapConfig) { h.Name = "" }),
		"heap of no bytes":      h(func(h *HeapConfig) { h.Size = 0 }),
		"heap of -1 bytes":      h(func(h *HeapConfig) { h.Size = -4096 }),
		"heap off the page":     h(func(h *HeapConfig) { h.Phys = 1 }),
		"heap of half a page":   h(func(h *HeapConfig) { h.Size = 2048 }),
		"heap that wraps":       h(func(h *HeapConfig) { h.Phys = 1<<64 - 4096; h.Size = 8192 }),
		"scattered, uncached":   h(func(h *HeapConfig) { h.Scattered, h.Uncached = true, true }),
		"two heaps, one name":   {Heaps: []HeapConfig{heap, {Name: "h", Phys: 0x2000_0000, Size: 4096}}},
		"alias twice":           {Heaps: []HeapConfig{heap, {Name: "i", Aliases: []string{"h"}, Phys: 0x2000_0000, Size: 4096}}},
		"heaps overlap":         {Heaps: []HeapConfig{heap, {Name: "i", Phys: 0x100f_f000, Size: 8192}}},
		"processor, no name":    p(func(p *ProcessorConfig) { p.Name = "" }),
		"long name":             p(func(p *ProcessorConfig) { p.Name = strings.Repeat("x", 33) }),
		"negative requests":     p(func(p *ProcessorConfig) { p.Requests = -1 }),
		"negative cache line":   p(func(p *ProcessorConfig) { p.CacheLine = -1 }),
		"100 address bits":      p(func(p *ProcessorConfig) { p.AddressBits = 100 }),
		"windows overlap":       p(func(p *ProcessorConfig) { p.Windows = []bufmap.Window{{Phys: 0, Device: 0x8000_0000, Size: 1}} }),
		"identity and windows":  p(func(p *ProcessorConfig) { p.Identity = true }),
		"carveout on a heap":    p(func(p *ProcessorConfig) { p.Carveout.Phys = 0x1000_0000 }),
		"carveout off the page": p(func(p *ProcessorConfig) { p.Carveout.Size = 100 }),
		"firmware too large":    p(func(p *ProcessorConfig) { p.Firmware.TraceSize = 1 << 30 }),
		"two processors":        {Processors: append(DefaultProcessors(), DefaultProcessors()...)},
		"no mux":                {Programs: map[string]*Mux{"x": nil}},
		"method without name":   {Programs: badMux(func(m *Mux) { m.HandleFunc("", nop) })},
		"method twice":          {Programs: badMux(func(m *Mux) { m.HandleFunc("a", nop); m.HandleTask("a", nop) })},
		"method, no function":   {Programs: badMux(func(m *Mux) { m.HandleFunc("a", nil) })},
		"method, long name":     {Programs: badMux(func(m *Mux) { m.HandleFunc(strings.Repeat("x", 33), nop) })},
		"service offload":       {Programs: badMux(func(m *Mux) { m.HandleRaw("offload", func(*Raw, []byte) {}) })},
		"service without name":  {Programs: badMux(func(m *Mux) { m.HandleRaw("", func(*Raw, []byte) {}) })},
		"notification":          {Programs: badMux(func(m *Mux) { m.HandleNotification("x", nil) })},
	} {
		if b, err := New(c); err == nil {
			b.Close()
			t.Errorf("%s was accepted", name)
		} else if !strings.Contains(err.Error(), "simulated board") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoFirmware(t *testing.T) {
	b := newBoard(t, Config{Processors: []ProcessorConfig{{Name: "bare", NoFirmware: true}}})
	p := processor(t, b, "bare")
	if err := p.Remoteproc().Start(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	image, err := Firmware(FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	p.Install("x", image)
	p.Remoteproc().SetFirmware(t.Context(), "x")
	if err := p.Remoteproc().Start(t.Context()); err == nil || !strings.Contains(err.Error(), "no memory for carveouts") {
		t.Error(err)
	}
	if _, err := b.Processor("nobody"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestBuildFirmware(t *testing.T) {
	b := newBoard(t, Config{Programs: map[string]*Mux{"mine": NewMux()}})
	for _, name := range []string{"dsp0", "core0"} {
		p := processor(t, b, name)
		image, err := p.BuildFirmware("mine")
		if err != nil {
			t.Fatal(err)
		}
		p.Install("mine.elf", image)
		if err := p.Remoteproc().SetFirmware(t.Context(), "mine.elf"); err != nil {
			t.Fatal(err)
		}
		h := dial(t, b, name)
		h.fails(CodeUnknownMethod, "sum", 1)
	}
}

func TestServicesOfOwn(t *testing.T) {
	m := Functions()
	m.HandleRaw("tty", func(r *Raw, msg []byte) { r.Send(append([]byte("> "), msg...)) })
	m.HandleStart(func(t *Tracer) { t.Printf("hello from start") })
	m.HandleFunc("double", func(c *Call) error { return c.ResultInt(2 * c.Int()) })
	list := DefaultProcessors()[:1]
	b := newBoard(t, Config{Programs: map[string]*Mux{"functions": m}, Processors: list})
	h := dial(t, b, "dsp0")
	if v := h.uint("double", 21); v != 42 {
		t.Error(v)
	}
	c, err := h.p.Dial(t.Context(), "tty")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Send(t.Context(), []byte("ls"))
	if n, err := c.Recv(t.Context(), h.buf[:]); err != nil || string(h.buf[:n]) != "> ls" {
		t.Errorf("%q, %v", h.buf[:n], err)
	}
	if s, _ := h.p.Trace(); !strings.Contains(s, "hello from start") {
		t.Error(s)
	}
	h.fails(CodeBadArguments, "double", "x")
}
