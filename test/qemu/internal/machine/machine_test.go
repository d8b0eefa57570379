// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	var names []string
	for _, m := range All() {
		if slices.Contains(names, m.Name) {
			t.Errorf("two machines are called %s", m.Name)
		}
		names = append(names, m.Name)
		if m.Summary == "" || m.Memory == "" || m.SMP == 0 || len(m.Processors) == 0 {
			t.Errorf("%s is not described completely: %+v", m.Name, m)
		}
		if _, err := os.Stat(filepath.Join("..", "..", "dts", m.Overlay+".dtso")); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if got, err := ByName(m.Name); err != nil || got.Name != m.Name {
			t.Errorf("ByName(%s): %v, %v", m.Name, got.Name, err)
		}
	}
	if _, err := ByName("vax"); err == nil || !strings.Contains(err.Error(), "dsp-noreset") {
		t.Errorf("ByName of an unknown machine: %v", err)
	}
}

func TestDumpDTB(t *testing.T) {
	m := Machine{Type: "virt", SMP: 2, Memory: "1G", CPU: "max"}
	want := []string{"-M", "virt,dumpdtb=/x.dtb", "-smp", "2", "-m", "1G", "-cpu", "max"}
	if got := m.DumpDTB("/x.dtb"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if m.Hardware()[1] != "virt" {
		t.Error("DumpDTB changed the machine")
	}
}
