// What a program remembers from one call to the next.

util.global private mutable @count = 0 : i32
util.global private mutable @wide = 40 : i64
util.global private mutable @ratio = 1.5 : f32
util.global private mutable @memory = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
util.global private mutable @log : tensor<?xi32>
util.global private @row = dense<[5, 6, 7]> : tensor<3xi32>

util.initializer {
  %c0 = arith.constant 0 : index
  %empty = tensor.empty(%c0) : tensor<?xi32>
  util.global.store %empty, @log : tensor<?xi32>
  util.return
}

func.func @next() -> i32 {
  %c1 = arith.constant 1 : i32
  %n = util.global.load @count : i32
  %m = arith.addi %n, %c1 : i32
  util.global.store %m, @count : i32
  return %m : i32
}
func.func @reset() {
  %c0 = arith.constant 0 : i32
  util.global.store %c0, @count : i32
  return
}
func.func @widen() -> i64 {
  %c1 = arith.constant 1 : i64
  %n = util.global.load @wide : i64
  %m = arith.addi %n, %c1 : i64
  util.global.store %m, @wide : i64
  return %m : i64
}
func.func @halve() -> f32 {
  %half = arith.constant 0.5 : f32
  %n = util.global.load @ratio : f32
  %m = arith.mulf %n, %half : f32
  util.global.store %m, @ratio : f32
  return %m : f32
}
func.func @accumulate(%x: tensor<4xf32>) -> tensor<4xf32> {
  %m = util.global.load @memory : tensor<4xf32>
  %s = arith.addf %m, %x : tensor<4xf32>
  util.global.store %s, @memory : tensor<4xf32>
  return %s : tensor<4xf32>
}
func.func @remember(%x: tensor<4xf32>) {
  util.global.store %x, @memory : tensor<4xf32>
  return
}
func.func @recall() -> tensor<4xf32> {
  %m = util.global.load @memory : tensor<4xf32>
  return %m : tensor<4xf32>
}
func.func @keep(%x: tensor<?xi32>) {
  util.global.store %x, @log : tensor<?xi32>
  return
}
func.func @kept() -> tensor<?xi32> {
  %m = util.global.load @log : tensor<?xi32>
  return %m : tensor<?xi32>
}
func.func @table() -> tensor<3xi32> {
  %m = util.global.load @row : tensor<3xi32>
  return %m : tensor<3xi32>
}
