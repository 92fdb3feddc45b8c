package main
import (
  "fmt"
  s "github.com/u/m/internal/store"
)
// Point is a point.
// More.
type Point struct { X, Y int; secret int
  *Base
}
type Shape interface { Area() float64
  fmt.Stringer }
type small struct{}
type ( A = int
 B func(int) string )
// Max is the most.
const Max = 10
const ( P = iota
 q )
var V, w = 1, 2
// New makes one.
func New(x int) (*Point, error) { return nil, nil }
func (p *Point) Move(dx int) { }
func (p *Point) hidden() { }
func main() {}
