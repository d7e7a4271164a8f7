// Calls ListPlugins over one connection: client ADDRESS CALLS IN_FLIGHT. It prints what that took as JSON.
package main

import (
	"encoding/json"
	"log"
	"net/rpc"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

type PluginData struct {
	Name    string
	Domains []string
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func run(client *rpc.Client, calls int) []float64 {
	taken := make([]float64, calls)
	for i := range taken {
		var plugins []PluginData
		began := time.Now()
		if err := client.Call("GloomRPC.ListPlugins", struct{}{}, &plugins); err != nil {
			log.Fatal(err)
		}
		if len(plugins) != 1 || plugins[0].Name != "hello" {
			log.Fatal(plugins)
		}
		taken[i] = float64(time.Since(began).Nanoseconds()) / 1e3
	}
	return taken
}

func main() {
	client, err := rpc.Dial("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	calls, inFlight := number(os.Args[2]), number(os.Args[3])
	run(client, 1000)
	taken := make([][]float64, inFlight)
	var group sync.WaitGroup
	began := time.Now()
	for i := range taken {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			taken[i] = run(client, calls/inFlight)
		}(i)
	}
	group.Wait()
	seconds := time.Since(began).Seconds()
	var all []float64
	for _, each := range taken {
		all = append(all, each...)
	}
	sort.Float64s(all)
	json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"per_second":       float64(len(all)) / seconds,
		"p50_microseconds": all[len(all)/2],
		"p99_microseconds": all[len(all)*99/100],
	})
}
