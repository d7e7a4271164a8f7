// The host: starts the plugin beside it with AutoMTLS, and measures what standard input asks for, as ../../loops.py says.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"weft.invalid/goplugin/shared"
)

type ask struct {
	Measure  string  `json:"measure"`
	Size     int     `json:"size"`
	InFlight int     `json:"in_flight"`
	Seconds  float64 `json:"seconds"`
}

type answer map[string]float64

func main() {
	self, err := os.Executable()
	check(err)
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  shared.Handshake,
		Plugins:          plugin.PluginSet{"echo": &shared.EchoPlugin{}},
		Cmd:              exec.Command(filepath.Join(filepath.Dir(self), "plugin")),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		Logger:           hclog.NewNullLogger(),
	})
	defer client.Kill()
	connection, err := client.Client()
	check(err)
	dispensed, err := connection.Dispense("echo")
	check(err)
	serve(dispensed.(shared.Echo))
}

func serve(echo shared.Echo) {
	say(answer{"ready": 1})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked ask
		check(json.Unmarshal(lines.Bytes(), &asked))
		if asked.Measure == "latency" {
			asked.InFlight = 1
		}
		say(measure(echo, asked))
	}
}

// measure keeps so many calls in flight for so long.
func measure(echo shared.Echo, asked ask) answer {
	payload := make([]byte, asked.Size)
	spans := make([][]time.Duration, asked.InFlight)
	var callers sync.WaitGroup
	began := time.Now()
	deadline := began.Add(time.Duration(asked.Seconds * float64(time.Second)))
	for number := range asked.InFlight {
		callers.Go(func() { spans[number] = call(echo, payload, deadline) })
	}
	callers.Wait()
	took := time.Since(began)
	all := slices.Concat(spans...)
	slices.Sort(all)
	return answer{
		"count":   float64(len(all)),
		"seconds": took.Seconds(),
		"p50":     microseconds(all[len(all)/2]),
		"p99":     microseconds(all[len(all)*99/100]),
	}
}

func call(echo shared.Echo, payload []byte, deadline time.Time) []time.Duration {
	var spans []time.Duration
	for before := time.Now(); before.Before(deadline); before = time.Now() {
		back, err := echo.Echo(context.Background(), payload)
		check(err)
		if !bytes.Equal(back, payload) {
			check(errors.New("something else came back than was sent"))
		}
		spans = append(spans, time.Since(before))
	}
	return spans
}

func microseconds(span time.Duration) float64 { return float64(span) / float64(time.Microsecond) }

func say(answered answer) { check(json.NewEncoder(os.Stdout).Encode(answered)) }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
