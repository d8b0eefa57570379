// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/offload-runtime/offload/internal/wire"
)

// RemoteInfo is what a firmware said of itself in hello.
type RemoteInfo struct {
	Name        string
	Version     int // of the protocol
	MTU         int // bytes of the largest message
	Window      int // requests that may be open
	CacheLine   int // bytes
	AddressBits int
	Features    uint64
	Clock       time.Duration // the firmware's clock when it answered
	Methods     []string
}

func (r *RemoteInfo) methodList() string {
	if len(r.Methods) == 0 {
		return "no methods"
	}
	return strings.Join(r.Methods, ", ")
}

const hostFeatures = wire.FeatureDeadline | wire.FeatureCancel | wire.FeatureBatch | wire.FeatureBeat | wire.FeatureLog

// hello opens the conversation on a new link and fetches the method table.
func (l *link) hello(ctx context.Context, window int, clock time.Duration) error {
	l.names = map[string]uint32{"hello": wire.MethodHello, "methods": wire.MethodMethods, "ping": wire.MethodPing,
		"stats": wire.MethodStats, "clock": wire.MethodClock}
	l.remote.AddressBits = 64
	var a Args
	a.Uint(wire.Version).Int(int64(l.conn.MTU())).Int(int64(window)).Int(hostCacheLine).Uint(hostFeatures).Int(clock.Microseconds())
	v, err := l.ask(ctx, "hello", &a)
	if err != nil {
		return err
	}
	r, methods, err := parseHello(v)
	if err != nil {
		return fmt.Errorf("hello: %w: %w", ErrProtocol, err)
	}
	l.remote, l.features = r, r.Features
	l.mtu = min(l.mtu, r.MTU)
	for len(l.remote.Methods) < methods {
		names, err := l.methods(ctx, len(l.remote.Methods))
		if err != nil {
			return err
		}
		l.remote.Methods = append(l.remote.Methods, names...)
	}
	for i, name := range l.remote.Methods {
		if _, twice := l.names[name]; !twice {
			l.names[name] = uint32(wire.FirstTableSlot + i)
		}
	}
	l.widen(min(r.Window, window))
	return nil
}

// ask makes one request before the link is open to callers.
func (l *link) ask(ctx context.Context, method string, a *Args) (wire.Values, error) {
	c := &call{done: make(chan struct{}, 1)}
	i, id, err := l.send(ctx, c, method, a)
	if err == nil {
		err = l.wait(ctx, c, i, id)
	}
	if err != nil {
		return wire.Values{}, fmt.Errorf("%s: %w", method, err)
	}
	if c.code != 0 {
		return wire.Values{}, &RemoteError{Processor: l.s.proc.info.Name, Method: method, Code: uint32(c.code), Message: string(c.text)}
	}
	return wire.NewValues(c.rx, 1), nil
}

// parseHello reads the result of hello. Nothing in it is believed beyond what a processor can be.
func parseHello(v wire.Values) (r RemoteInfo, methods int, err error) {
	list, err := v.Array()
	if err != nil {
		return r, 0, err
	}
	var clock uint64
	var m int
	for _, f := range []struct {
		name   string
		lo, hi uint64
		dst    *int
		wide   *uint64
	}{
		{"version", wire.Version, wire.Version, &r.Version, nil},
		{"MTU", 128, 1 << 16, &r.MTU, nil},
		{"window", 1, 1 << 16, &r.Window, nil},
		{"cache line", 1, 1 << 12, &r.CacheLine, nil},
		{"address bits", 1, 64, &r.AddressBits, nil},
		{"features", 0, 1<<64 - 1, nil, &r.Features},
		{"clock", 0, 1 << 62, nil, &clock},
		{"number of methods", 0, methodPage, &m, nil},
	} {
		n, err := list.Uint()
		if err != nil {
			return r, 0, fmt.Errorf("%s: %w", f.name, err)
		}
		if n < f.lo || n > f.hi {
			return r, 0, fmt.Errorf("%s %d is not within %d to %d", f.name, n, f.lo, f.hi)
		}
		if f.dst != nil {
			*f.dst = int(n)
		} else {
			*f.wide = n
		}
	}
	r.Clock = time.Duration(min(clock, 1<<53)) * time.Microsecond
	name, err := list.Str()
	if err != nil || len(name) > wire.MaxName {
		return r, 0, fmt.Errorf("name of %d bytes: %w", len(name), wire.ErrInvalid)
	}
	r.Name = printable(name)
	return r, m, nil
}

// methods fetches names of the table from position first on.
func (l *link) methods(ctx context.Context, first int) ([]string, error) {
	var a Args
	v, err := l.ask(ctx, "methods", a.Int(int64(first)))
	if err != nil {
		return nil, err
	}
	bad := func(what string) error { return fmt.Errorf("methods: %w: %s", ErrProtocol, what) }
	pair, err := v.Array()
	if err != nil || pair.Len() != 2 {
		return nil, bad("result is no pair")
	}
	if _, err := pair.Uint(); err != nil {
		return nil, bad("total is no number")
	}
	list, err := pair.Array()
	if err != nil || list.Len() == 0 {
		return nil, bad("no names")
	}
	var names []string
	for list.Len() > 0 && len(names) < methodPage {
		name, err := list.Str()
		if err != nil || len(name) == 0 || len(name) > wire.MaxMethodName {
			return nil, bad("name is no string of 1 to 32 bytes")
		}
		names = append(names, string(name))
	}
	return names, nil
}

// printable makes text from the other side harmless on a terminal.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '.'
		}
		return r
	}, strings.ToValidUTF8(string(b), "."))
}
