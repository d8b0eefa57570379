// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

func TestCommand(t *testing.T) {
	for _, m := range machine.Table() {
		c := &Config{Machine: m, Dir: "/run/x", Job: guest.Job{Source: "/src"}}
		got := c.Command()
		for _, want := range []string{"-M", m.Type, m.Memory, "file,id=log,path=/run/x/kernel.log", "/run/x/initrd.cpio"} {
			if !slices.Contains(got, want) {
				t.Errorf("%s: no %q in %q", m.Name, want, got)
			}
		}
		text := strings.Join(got, " ")
		if !strings.Contains(text, "path=/src") || !strings.Contains(text, "readonly=on") {
			t.Errorf("%s: the source tree is not shared read-only: %q", m.Name, got)
		}
		if strings.Contains(text, "virtconsole") || strings.Contains(text, "mount_tag=out") {
			t.Errorf("%s: more than was asked for: %q", m.Name, got)
		}
	}
}

func TestQuote(t *testing.T) {
	words := []string{"qemu", "-append", "console=ttyAMA0 quiet", "it's", "", "a$b", `c\d`, "plain-1,x=2"}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	out, err := exec.Command(sh, "-c", "printf '%s\\n' "+Quote(words)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, words) {
		t.Errorf("got %q, want %q", got, words)
	}
}
