// What Go's own encoding/gob does, for the tests of weft.gob.
//
//	gobs golden    prints a line "name hex" for each of some streams
//	gobs mirror    reads Samples from its standard input, and writes each to its standard output
package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"log"
	"net/rpc"
	"os"
	"time"
)

type Inner struct {
	Name  string
	Score int64
}

type Sample struct {
	Flag    bool
	Number  int64
	Count   uint64
	Ratio   float64
	Wave    complex128
	Text    string
	Data    []byte
	Names   []string
	Table   map[string]int64
	Pair    [2]int64
	Inner   Inner
	Inners  []Inner
	Numbers [][]int64
}

type List struct {
	Value int
	Next  *List
}

type Tree []Tree

type Open struct {
	Before string
	Any    interface{}
	After  string
}

type Small int8

func stream(values ...interface{}) []byte {
	var out bytes.Buffer
	encoder := gob.NewEncoder(&out)
	for _, value := range values {
		if err := encoder.Encode(value); err != nil {
			log.Fatal(err)
		}
	}
	return out.Bytes()
}

type PluginUpload struct {
	FileName string
	Name     string
	Domains  []string
	Data     []byte
}

func golden() {
	gob.Register(Inner{})
	gob.Register(Open{})
	gob.Register(map[string]interface{}{})
	gob.Register([]interface{}{})
	when := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, each := range []struct {
		name   string
		stream []byte
	}{
		{"bool", stream(true, false)},
		{"int", stream(0, 7, -1, 63, 64, -65, 1<<40, -1<<63, int64(1)<<62)},
		{"uint", stream(uint(0), uint(127), uint(128), uint(256), ^uint64(0))},
		{"float", stream(0.0, 1.0, 17.0, -2.5, 1e300)},
		{"complex", stream(complex(1, -2))},
		{"string", stream("", "hello", "ｗｅｆｔ")},
		{"bytes", stream([]byte{}, []byte{0, 255, 1})},
		{"small", stream(Small(-3))},
		{"slice", stream([]string{"a", ""}, []string{})},
		{"array", stream([3]int{1, 0, -1})},
		{"map", stream(map[string]int{"one": 1})},
		{"struct", stream(Inner{"a", 1}, Inner{}, Inner{Score: -1})},
		{"nothing", stream(struct{}{})},
		{"list", stream(List{1, &List{2, &List{3, nil}}})},
		{"tree", stream(Tree{Tree{}, Tree{Tree{}}})},
		{"keys", stream(map[Inner]bool{{"a", 1}: true})},
		{"time", stream(map[string]time.Time{"when": when})},
		{"interface", stream(Open{"b", Inner{"in", 5}, "a"}, Open{"b", Inner{"again", 6}, "a"})},
		{"interfaces", stream(Open{"1", Open{"2", map[string]interface{}{"x": Inner{"in", 5}}, "3"}, "4"})},
		{"mixed", stream(map[string]interface{}{"list": []interface{}{1, "two", nil, 3.0, Inner{"four", 4}}})},
		{"request", stream(rpc.Request{ServiceMethod: "GloomRPC.ListPlugins", Seq: 1}, struct{}{})},
		{"upload", stream(rpc.Request{ServiceMethod: "GloomRPC.UploadPlugin", Seq: 2},
			PluginUpload{"a.py", "a", []string{"a.localhost"}, []byte("app = 1")})},
		{"delete", stream(rpc.Request{ServiceMethod: "GloomRPC.DeletePlugin"}, "a")},
		{"response", stream(rpc.Response{ServiceMethod: "GloomRPC.Nope", Seq: 3, Error: "no"}, struct{}{})},
	} {
		fmt.Printf("%s %x\n", each.name, each.stream)
	}
}

func mirror() {
	decoder, encoder := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var sample Sample
		if err := decoder.Decode(&sample); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(sample); err != nil {
			log.Fatal(err)
		}
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "mirror" {
		mirror()
	} else {
		golden()
	}
}
