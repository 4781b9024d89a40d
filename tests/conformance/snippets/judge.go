// Has the function of the documentation judge every case of a file.
package main

import (
	"encoding/json"
	"log"
	"os"
)

// HERE

type judged struct {
	What    string
	Secret  string
	Headers map[string]string
	Body    string
	Now     int64
	Genuine bool
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var cases []judged
	if err := json.Unmarshal(text, &cases); err != nil {
		log.Fatal(err)
	}
	for _, one := range cases {
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		if verify(one.Secret, headers, []byte(one.Body), time.Unix(one.Now, 0)) != one.Genuine {
			log.Fatalf("misjudged in Go: %s", one.What)
		}
	}
	fmt.Printf("%d judged rightly in Go\n", len(cases))
}
