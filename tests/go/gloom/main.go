// A client of GLoom's RPC, as its users write them.
//
//	gloom gob|json ADDRESS list | delete NAME | upload NAME DOMAINS FILE | call METHOD | wrong | many GOROUTINES CALLS
//
// It prints the reply and the error as JSON. With CERTIFICATE, KEY and AUTHORITY in the environment it speaks TLS.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"strconv"
	"strings"
	"sync"
)

type PluginData struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
}

type PluginUpload struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
	Data    []byte   `json:"data"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func dial(how, address string) (*rpc.Client, error) {
	if os.Getenv("CERTIFICATE") != "" {
		return dialTLS(how, address)
	}
	if how == "json" {
		return jsonrpc.Dial("tcp", address)
	}
	return rpc.Dial("tcp", address)
}

func dialTLS(how, address string) (*rpc.Client, error) {
	authority, err := os.ReadFile(os.Getenv("AUTHORITY"))
	must(err)
	known := x509.NewCertPool()
	known.AppendCertsFromPEM(authority)
	config := &tls.Config{RootCAs: known, ServerName: "weft.example"}
	if os.Getenv("CERTIFICATE") != "none" {
		certificate, err := tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("KEY"))
		must(err)
		config.Certificates = []tls.Certificate{certificate}
	}
	var connection net.Conn
	connection, err = tls.Dial("tcp", address, config)
	if err != nil {
		return nil, err
	}
	if how == "json" {
		return jsonrpc.NewClient(connection), nil
	}
	return rpc.NewClient(connection), nil
}

func show(reply interface{}, err error) {
	said := map[string]interface{}{"reply": reply, "error": nil}
	if err != nil {
		_, ofServer := err.(rpc.ServerError)
		said["error"], said["of_server"] = err.Error(), ofServer
	}
	must(json.NewEncoder(os.Stdout).Encode(said))
}

// many lists plugins from several goroutines over one connection; every third call is of a method that there is not.
func many(client *rpc.Client, goroutines, calls int) {
	var group sync.WaitGroup
	var lock sync.Mutex
	counts := map[string]int{}
	for i := 0; i < goroutines; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := 0; n < calls; n++ {
				var plugins []PluginData
				method := "GloomRPC.ListPlugins"
				if n%3 == 2 {
					method = "GloomRPC.Nope"
				}
				err := client.Call(method, struct{}{}, &plugins)
				lock.Lock()
				counts[fmt.Sprint(len(plugins), " ", err)]++
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	show(counts, nil)
}

func main() {
	how, address, verb, rest := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	client, err := dial(how, address)
	if err != nil {
		show(nil, err)
		return
	}
	defer client.Close()
	var text string
	switch verb {
	case "list":
		var plugins []PluginData
		err := client.Call("GloomRPC.ListPlugins", struct{}{}, &plugins)
		show(plugins, err)
	case "upload":
		data, err := os.ReadFile(rest[2])
		must(err)
		var domains []string
		if rest[1] != "" {
			domains = strings.Split(rest[1], ",")
		}
		err = client.Call("GloomRPC.UploadPlugin", PluginUpload{rest[0], domains, data}, &text)
		show(text, err)
	case "delete":
		err := client.Call("GloomRPC.DeletePlugin", rest[0], &text)
		show(text, err)
	case "call":
		err := client.Call(rest[0], struct{}{}, &text)
		show(text, err)
	case "wrong": // an argument of another type ends no more than its call
		first := client.Call("GloomRPC.UploadPlugin", 5, &text)
		var plugins []PluginData
		must(client.Call("GloomRPC.ListPlugins", struct{}{}, &plugins))
		show(plugins, first)
	case "many":
		goroutines, err := strconv.Atoi(rest[0])
		must(err)
		calls, err := strconv.Atoi(rest[1])
		must(err)
		many(client, goroutines, calls)
	}
}
