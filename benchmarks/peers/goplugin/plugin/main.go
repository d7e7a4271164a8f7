// The plugin: what it is sent it sends back.
package main

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"weft.invalid/goplugin/shared"
)

type echo struct{}

func (echo) Echo(_ context.Context, data []byte) ([]byte, error) { return data, nil }

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: shared.Handshake,
		Plugins:         plugin.PluginSet{"echo": &shared.EchoPlugin{Impl: echo{}}},
		GRPCServer:      plugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}
