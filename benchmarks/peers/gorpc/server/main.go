// A server of GLoom's ListPlugins on Go's own net/rpc, in gob. It prints its address.
package main

import (
	"fmt"
	"log"
	"net"
	"net/rpc"
)

type PluginData struct {
	Name    string
	Domains []string
}

type GloomRPC struct{}

func (*GloomRPC) ListPlugins(_ struct{}, reply *[]PluginData) error {
	*reply = []PluginData{{"hello", []string{"hello.localhost"}}}
	return nil
}

func main() {
	if err := rpc.Register(new(GloomRPC)); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	rpc.Accept(listener)
}
