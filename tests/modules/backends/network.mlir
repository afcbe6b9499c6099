// Weights, a product, a bias, tanh, a sum over rows; a state that calls change.
util.global private mutable @calls = dense<0> : tensor<2xi32>
util.global private @weights = dense<0.03125> : tensor<64x32xf32>

func.func @network(%x: tensor<8x64xf32>) -> (tensor<8x32xf32>, tensor<8xf32>) {
  %w = util.global.load @weights : tensor<64x32xf32>
  %bias = arith.constant dense<[
    0.5, 1.5, -2.5, 3.5, 0.5, 1.5, -2.5, 3.5, 0.5, 1.5, -2.5, 3.5, 0.5, 1.5, -2.5, 3.5,
    0.1, 1.2, -2.3, 3.4, 0.5, 1.6, -2.7, 3.8, 0.9, 1.0, -2.1, 3.2, 0.3, 1.4, -2.5, 3.6
  ]> : tensor<32xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x32xf32>) -> tensor<8x32xf32>
  %r = linalg.matmul ins(%x, %w : tensor<8x64xf32>, tensor<64x32xf32>)
                     outs(%f : tensor<8x32xf32>) -> tensor<8x32xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%r, %bias : tensor<8x32xf32>, tensor<32xf32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    %1 = math.tanh %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x32xf32>
  %e1 = tensor.empty() : tensor<8xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.reduce ins(%t : tensor<8x32xf32>) outs(%f1 : tensor<8xf32>) dimensions = [1]
    (%in: f32, %sum: f32) {
      %0 = arith.addf %in, %sum : f32
      linalg.yield %0 : f32
    }
  return %t, %s : tensor<8x32xf32>, tensor<8xf32>
}

func.func @count(%step: tensor<2xi32>) -> tensor<2xi32> {
  %0 = util.global.load @calls : tensor<2xi32>
  %1 = arith.addi %0, %step : tensor<2xi32>
  util.global.store %1, @calls : tensor<2xi32>
  return %1 : tensor<2xi32>
}
