// SPDX-License-Identifier: Apache-2.0

package firmware

import "testing"

// goodTable is a table like that of an OpenAMP firmware.
func goodTable() *ResourceTable {
	return &ResourceTable{Entries: []Resource{
		&Carveout{DeviceAddress: 0x8000_0000, PhysAddress: AddrAny, Length: 0x10_0000, Name: "ddr"},
		&Trace{DeviceAddress: 0x8008_0000, Length: 0x1000, Name: "trace:dsp"},
		&Vdev{ID: VirtioRPMsg, Features: RPMsgFeatureNS, Vrings: []Vring{
			{DeviceAddress: AddrAny, Align: 4096, Num: 256, NotifyID: 1},
			{DeviceAddress: AddrAny, Align: 4096, Num: 256, NotifyID: 2},
		}},
	}}
}

func goodBuilder() Builder {
	return Builder{
		Class: Class32, Machine: MachineTIC6000, Entry: 0x8000_0100,
		Segments: []Segment{
			{Address: 0x8000_0000, Data: make([]byte, 0x1000), Flags: Readable | Executable},
			{Address: 0x8001_0000, Data: []byte("data"), MemSize: 0x8000, Flags: Readable | Writable},
		},
		Notes:        []Note{{Owner: "offload-sim", Type: 1, Data: []byte("program")}},
		Table:        goodTable(),
		TableAddress: 0x8007_0000,
	}
}

func build(tb testing.TB, b Builder) []byte {
	tb.Helper()
	image, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return image
}
