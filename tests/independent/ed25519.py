"""Ed25519-strict-1 (format.md section 2), the one acceptance rule.

The library verifies without cofactor and compares R as bytes; what it leaves open (canonical keys, small order, torsion, small R)
is added here in plain integers, once per key.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def _x_of(y):
    """The even x of a point with this y, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 else x


def decode(data):
    """The point of a canonical encoding in extended coordinates, or None."""
    value = int.from_bytes(data, "little")
    sign, y = value >> 255, value & (2**255 - 1)
    x = _x_of(y) if y < P else None
    if x is None or (x == 0 and sign):
        return None
    if sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(one, two):
    """Complete addition on the twisted Edwards curve (RFC 8032 section 5.1.4)."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = two
    a, b = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def double(point):
    x, y, z, _ = point
    a, b = x * x % P, y * y % P
    h, e = a + b, a + b - (x + y) * (x + y)
    g = a - b
    f = 2 * z * z + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = IDENTITY
    for bit in bin(scalar)[2:]:
        result = double(result)
        if bit == "1":
            result = add(result, point)
    return result


def is_identity(point):
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0


def encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _small_order():
    """The eight encodings of points of small order."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        torsion = multiply(ORDER, point) if point else IDENTITY
        if not is_identity(double(double(torsion))):
            return frozenset(encode(multiply(k, torsion)) for k in range(8))
        y += 1


SMALL_ORDER = _small_order()


@lru_cache(maxsize=200_000)
def key_ok(key):
    """32 bytes, canonical, not of small order, of the prime order."""
    if len(key) != 32 or key in SMALL_ORDER:
        return False
    point = decode(key)
    return point is not None and is_identity(multiply(ORDER, point))


@lru_cache(maxsize=20_000)
def _library_key(key):
    return Ed25519PublicKey.from_public_bytes(key)


def verify(key, message, signature):
    """Whether R ‖ S is accepted for the message under the key."""
    if len(signature) != 64 or not key_ok(key):
        return False
    if signature[:32] in SMALL_ORDER or int.from_bytes(signature[32:], "little") >= ORDER:
        return False
    try:
        _library_key(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
