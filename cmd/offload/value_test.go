// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/offload-runtime/offload/runtime"
)

func TestParseSize(t *testing.T) {
	for _, test := range []struct {
		in   string
		want int64 // 0: an error
	}{
		{"1", 1}, {"4096", 4096}, {"0x1000", 4096}, {"4K", 4096}, {"4k", 4096}, {"4KiB", 4096}, {"3M", 3 << 20}, {"2G", 2 << 30}, {"2gib", 2 << 30},
		{"9223372036854775807", 1<<63 - 1}, {"8589934591G", 8589934591 << 30},
		{"", 0}, {"0", 0}, {"-1", 0}, {"K", 0}, {"1.5K", 0}, {"1KB", 0}, {"1 K", 0}, {"1T", 0}, {"9223372036854775808", 0}, {"8589934592G", 0},
		{"1KM", 0}, {"nonsense", 0},
	} {
		got, err := parseSize(test.in)
		if got != test.want || (err == nil) != (test.want > 0) {
			t.Errorf("%q: %d, %v, want %d", test.in, got, err, test.want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{grouped(0), "0"}, {grouped(999), "999"}, {grouped(1000), "1,000"}, {grouped(1<<64 - 1), "18,446,744,073,709,551,615"},
		{size(-1), "?"}, {size(0), "0 B"}, {size(1023), "1023 B"}, {size(1536), "1.5 KiB"}, {size(1 << 63 >> 1), "4194304 TiB"},
		{span(0), "0 ns"}, {span(999), "999 ns"}, {span(1000), "1.00 µs"}, {span(999_900), "1.00 ms"}, {span(10_000), "10.0 µs"}, {span(100_000), "100 µs"}, {span(12345), "12.3 µs"}, {span(123456), "123 µs"},
		{span(1500 * time.Millisecond), "1.50 s"}, {span(time.Hour), "3600 s"},
		{clean("a\nb\x1b\xff"), "a.b.."}, {plural(1, "ping", "pings"), "1 ping"}, {plural(0, "ping", "pings"), "0 pings"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

// FuzzParameter wants that whatever is on a command line is an error or a parameter that can be used.
func FuzzParameter(f *testing.F) {
	for _, s := range []string{"a=@f:4K", "a:ddr=@f", "a=x:0a", "a=5", "j:[1]", "f:1", "x:", "=", ":=@", "a=@-:1"} {
		for d := range uint8(4) {
			f.Add(d, s)
		}
	}
	f.Fuzz(func(t *testing.T, d uint8, s string) {
		var list []parameter
		dir := runtime.Direction(d % 4)
		err := parameterFlag{&list, dir}.Set(s)
		if (err == nil) != (len(list) == 1) {
			t.Fatalf("%q: %v, %v", s, list, err)
		}
		if err != nil {
			return
		}
		switch p := list[0]; {
		case dir == 0:
			formatResult(p.value, true)
			typeOf(p.value)
			jsonValue(p.value)
		case p.name == "", p.size < 0, dir == runtime.Out && p.size == 0:
			t.Fatalf("%q: %+v", s, p)
		}
	})
}
