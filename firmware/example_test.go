// SPDX-License-Identifier: Apache-2.0

package firmware_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/offload-runtime/offload/firmware"
)

// An image whose carveout is too small for its code is found before the kernel or the processor meets it.
func ExampleCheck() {
	image, err := firmware.Builder{
		Machine: firmware.MachineTIC6000,
		Entry:   0x8000_0000,
		Segments: []firmware.Segment{
			{Address: 0x8000_0000, Data: make([]byte, 4096)},
		},
		Table: &firmware.ResourceTable{Entries: []firmware.Resource{
			&firmware.Carveout{DeviceAddress: 0x8000_0000, Length: 0x800, Name: "code"},
		}},
		TableAddress: 0x8000_0800,
	}.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, findings := firmware.CheckFile(image, firmware.Requirements{Machines: []firmware.Machine{firmware.MachineARM}})
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Println(errors.Is(findings.Err(), firmware.ErrBadImage))
	// Output:
	// error: wrong-machine: the file is for ti-c6000, the processor runs arm; build for this processor or choose another one
	// info: no-trace: the table has no trace buffer; add a trace entry to see what the firmware says
	// warning: segment-outside: segment 0x80000000+0x1000 rwx is not inside one of: carveout "code" 0x80000000+0x800; add a carveout or correct the linker script
	// true
}

// Load an image on the processor of a board and start it.
func ExampleProcessor() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	image, err := os.ReadFile("dsp.elf")
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := firmware.Store{Dir: "/lib/firmware"}.Install("dsp.elf", image)
	if err != nil {
		fmt.Println(err)
		return
	}
	remoteproc, err := firmware.Find("/sys", "64800000.dsp", nil)
	if err != nil {
		fmt.Println(err) // says which there are
		return
	}
	dsp := remoteproc.Processor()
	if err := dsp.SetFirmware(ctx, file); err != nil {
		fmt.Println(err)
		return
	}
	switch err := dsp.Start(ctx); {
	case errors.Is(err, firmware.ErrBadImage):
		fmt.Println("build it again:", err)
	case err != nil:
		fmt.Println(err)
	}
}
