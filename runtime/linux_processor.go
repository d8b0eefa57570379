// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/profile"
	"github.com/offload-runtime/offload/rpmsg"
)

// linuxProcessor is one remoteproc of the kernel.
type linuxProcessor struct {
	l     *linux
	r     firmware.Remoteproc
	info  ProcessorInfo
	life  *firmware.Processor
	chain bufmap.Chain
}

// open describes a remoteproc and probes the translators.
func (l *linux) open(r firmware.Remoteproc) (*linuxProcessor, error) {
	known := profile.Processor{Name: r.Name, AddressBits: 32, CacheLine: 128}
	if known.Name == "" {
		known.Name = r.Device
	}
	for _, p := range l.profile.Processors {
		if p.Is(r.Name, r.Parent, r.Node, r.Device) {
			known = p
			break
		}
	}
	windows, err := known.AddressMap()
	if err != nil {
		return nil, err
	}
	coherent := l.deviceTreeCoherent(r)
	if known.Coherent != nil {
		coherent = *known.Coherent
	}
	p := &linuxProcessor{l: l, r: r, life: r.Processor(), info: ProcessorInfo{
		Name: known.Name, Kernel: r.String(), Machine: known.Machine, Coherent: coherent, CacheLine: known.CacheLine, Windows: windows,
	}}
	return p, p.translators()
}

// deviceTreeCoherent looks for dma-coherent as of_dma_is_coherent of drivers/of/address.c does: in the processor's node and
// those above it. Without device tree the architecture's rule holds, and that is coherent on all but those with one.
func (l *linux) deviceTreeCoherent(r firmware.Remoteproc) bool {
	node, err := filepath.EvalSymlinks(filepath.Join(l.c.SysRoot, "class/remoteproc", r.Device, "device/of_node"))
	if err != nil {
		return false
	}
	base, err := filepath.EvalSymlinks(filepath.Join(l.c.SysRoot, "firmware/devicetree/base"))
	if err != nil {
		return false
	}
	for strings.HasPrefix(node, base) {
		if _, err := os.Stat(filepath.Join(node, "dma-coherent")); err == nil {
			return true
		}
		if _, err := os.Stat(filepath.Join(node, "dma-noncoherent")); err == nil {
			return false
		}
		node = filepath.Dir(node)
	}
	return false
}

// translators probes the ways to learn addresses: the page map for buffers of huge pages, which drivers refuse to attach, an
// attachment to the processor's own device, one to no device in particular.
func (p *linuxProcessor) translators() error {
	p.chain = bufmap.Chain{bufmap.Pagemap{}}
	add := func(t interface {
		bufmap.Translator
		Close() error
	}, err error) error {
		switch {
		case err == nil:
			p.l.closers = append(p.l.closers, t)
			known, err := bufmap.NewKnown(t, p.l.profile.Regions()...)
			if err != nil {
				return err
			}
			p.chain = append(p.chain, known)
		case !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return err
		}
		return nil
	}
	for _, node := range []string{"offload/" + p.r.Device, p.r.Device} {
		t, err := bufmap.OpenRprocAttach(filepath.Join(p.l.c.DevRoot, node), p.l.c.ProcFS)
		if err := add(t, err); err != nil {
			return err
		}
		if err == nil {
			break
		}
	}
	t, err := bufmap.OpenDMABufPhys(filepath.Join(p.l.c.DevRoot, "dma-buf-phys"))
	if err := add(t, err); err != nil {
		return err
	}
	return nil
}

func (p *linuxProcessor) Info() ProcessorInfo             { return p.info }
func (p *linuxProcessor) Remoteproc() *firmware.Processor { return p.life }
func (p *linuxProcessor) Translators() bufmap.Chain       { return p.chain }

func (p *linuxProcessor) Install(name string, image []byte) (string, error) {
	findings := firmware.Findings(nil)
	if _, findings = firmware.CheckFile(image, firmware.Requirements{}); findings.Err() != nil {
		return "", fmt.Errorf("firmware %s: %w", name, findings.Err())
	}
	return firmware.Store{Dir: p.l.c.FirmwareDir}.Install(name, image)
}

// dialTime is how long Dial waits for an announcement when its context has no end.
const dialTime = 30 * time.Second

func (p *linuxProcessor) Dial(ctx context.Context, service string) (rpmsg.Conn, error) {
	bus := rpmsg.Bus{SysRoot: p.l.c.SysRoot, DevRoot: p.l.c.DevRoot}
	ep, err := bus.Dial(ctx, rpmsg.DialConfig{Processor: p.r.Device, Service: service, Wait: dialTime})
	if err != nil {
		return nil, err
	}
	ep.Spin = p.l.c.Spin
	return ep, nil
}

// Trace reads all trace buffers through debugfs.
func (p *linuxProcessor) Trace() (string, error) {
	dir := filepath.Join(p.l.c.SysRoot, "kernel/debug/remoteproc", p.r.Device)
	files, err := filepath.Glob(filepath.Join(dir, "trace[0-9]*"))
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrPermission) {
			return "", fmt.Errorf("trace of %s: %w; debugfs is for root", p.info.Name, err)
		}
		return "", fmt.Errorf("trace of %s: its firmware has no trace buffer, or debugfs is not mounted: %w", p.info.Name, errors.ErrUnsupported)
	}
	var text strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return "", fmt.Errorf("trace of %s: %w", p.info.Name, err)
		}
		text.Write(b)
	}
	return text.String(), nil
}
