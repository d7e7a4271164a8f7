module gorpc

go 1.19
