"""Products of matrices and vectors, transforms and factorisations."""

from npusim.operators import inference as infer
from npusim.operators.model import operator

_PRODUCTS = (
    operator("mm(self, mat2) -> out", infer.matmul),
    operator("bmm(self, mat2) -> out", infer.matmul),
    operator("addmm(self, mat1, mat2; beta: number = 1, alpha: number = 1) -> out"),
    operator("baddbmm(self, batch1, batch2; beta: number = 1, alpha: number = 1) -> out"),
    operator("addbmm(self, batch1, batch2; beta: number = 1, alpha: number = 1) -> out"),
    operator("addmv(self, mat, vec; beta: number = 1, alpha: number = 1) -> out"),
    operator("mv(self, vec) -> out"),
    operator("dot(self, tensor) -> out"),
    operator("vdot(self, other) -> out"),
    operator("addr(self, vec1, vec2; beta: number = 1, alpha: number = 1) -> out"),
    operator("outer(self, vec2) -> out"),
    operator("inner(self, other) -> out"),
    operator("kron(self, other) -> out"),
    operator("cross(self, other; dim: int = None) -> out"),
    operator("chain_matmul(matrices*) -> out"),
    operator("tensordot(self, other; dims_self: ints, dims_other: ints) -> out"),
    operator("einsum(tensors*; equation: str) -> out"),
    operator("linalg_cross(self, other; dim: int = -1) -> out"),
    operator("linalg_vecdot(x, y; dim: int = -1) -> out"),
    operator("bilinear(input1, input2, weight, bias?) -> out"),
    operator("cdist(x1, x2; p: float = 2.0, compute_mode: int = None) -> out"),
    operator("gemm(a, b, c?; alpha: float = 1.0, beta: float = 1.0, trans_a: int = 0, trans_b: int = 0) -> out"),
    operator("matmul_weight_nz(self, mat2) -> out"),
    operator("batch_matmul_weight_nz(self, mat2) -> out"),
    operator("matmul_integer(a, b, a_zero_point?, b_zero_point?) -> y"),
    operator("qlinear_matmul(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point) -> y"),
)

_TRANSFORMS = (
    operator("fft_fft(self; n: int = None, dim: int = -1, norm: str = None) -> out"),
    operator("fft_ifft(self; n: int = None, dim: int = -1, norm: str = None) -> out"),
    operator("fft_fft2(self; s: ints = None, dim: ints = (-2, -1), norm: str = None) -> out"),
    operator("fft_ifft2(self; s: ints = None, dim: ints = (-2, -1), norm: str = None) -> out"),
    operator("fft_fftn(self; s: ints = None, dim: ints = None, norm: str = None) -> out"),
    operator("fft_ifftn(self; s: ints = None, dim: ints = None, norm: str = None) -> out"),
    operator("fft_rfft(self; n: int = None, dim: int = -1, norm: str = None) -> out"),
    operator("fft_irfft(self; n: int = None, dim: int = -1, norm: str = None) -> out"),
    operator("fft_rfft2(self; s: ints = None, dim: ints = (-2, -1), norm: str = None) -> out"),
    operator("fft_irfft2(self; s: ints = None, dim: ints = (-2, -1), norm: str = None) -> out"),
    operator("fft_fftshift(self; dim: ints = None) -> out"),
    operator(
        "stft(self, window?; n_fft: int, hop_length: int = None, win_length: int = None, normalized: bool = False, "
        "onesided: bool = None, return_complex: bool = None, align_to_window: bool = None) -> out"
    ),
    operator(
        "istft(self, window?; n_fft: int, hop_length: int = None, win_length: int = None, center: bool = True, "
        "normalized: bool = False, onesided: bool = None, length: int = None, return_complex: bool = False) -> out"
    ),
)

_FACTORISATIONS = (
    operator("inverse(self) -> out"),
    operator("det(self) -> out"),
    operator("slogdet(self) -> sign, logabsdet"),
    operator("cholesky(self; upper: bool = False) -> out"),
    operator("qr(self; some: bool = True) -> Q, R"),
    operator(
        "triangular_solve(self, A; upper: bool = True, transpose: bool = False, unitriangular: bool = False)"
        " -> solution, cloned_coefficient"
    ),
    operator("matrix_exp(self) -> out"),
    operator("matrix_power(self; n: int) -> out"),
    operator("pinverse(self; rcond: float = 1e-15) -> out"),
    operator("linalg_solve(A, B; left: bool = True) -> out"),
    operator("linalg_inv(A) -> out"),
    operator("linalg_qr(A; mode: str = 'reduced') -> Q, R"),
    operator("linalg_svd(A; full_matrices: bool = True, driver: str = None) -> U, S, Vh"),
    operator("linalg_eigh(self; UPLO: str = 'L') -> eigenvalues, eigenvectors"),
    operator("linalg_cholesky(self; upper: bool = False) -> out"),
    operator("linalg_lu(A; pivot: bool = True) -> P, L, U"),
    operator("linalg_solve_triangular(self, B; upper: bool, left: bool = True, unitriangular: bool = False) -> out"),
)

ROWS = (*_PRODUCTS, *_TRANSFORMS, *_FACTORISATIONS)
