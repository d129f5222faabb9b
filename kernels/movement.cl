/* Moves elements as raw bits between strided views; a value is never interpreted, so NaN payloads and -0 survive.
 *
 * Defined by the host: ELEMENT, a type as wide as one element, and INDEX, the integer type of the indices.
 * `view` holds rank records, outermost dimension first: its length, then its stride in each array (in elements).
 * A work-item moves `block` consecutive rows; a row is the innermost dimension. It goes through them in columns `tile`
 * wide, so that a transposition reads what it has in its cache. */

typedef struct { ulong low, high; } bits128;

/* Offset of a row in one array: `field` is 1, 2, ... for the first, second, ... stride of a record. */
static long row_offset(long row, const __global long *view, int rank, int fields, int field)
{
    long offset = 0;
    for (int dim = rank - 2; dim >= 0; --dim) {
        const __global long *record = view + dim * fields;
        offset += row % record[0] * record[field];
        row /= record[0];
    }
    return offset;
}

#ifdef GROUP_plain
__kernel void move(const __global ELEMENT *restrict from, __global ELEMENT *restrict to,
                   const __global long *restrict view, int rank, long from_start, long to_start, long rows, long block,
                   long tile)
{
    const long first = (long)get_global_id(0) * block;
    const long last = first + block < rows ? first + block : rows;
    const __global long *inner = view + (rank - 1) * 3;
    const long width = inner[0], from_step = inner[1], to_step = inner[2];
    for (long left = 0; left < width; left += tile) {
        const long right = left + tile < width ? left + tile : width;
        for (long row = first; row < last; ++row) {
            const __global ELEMENT *source = from + from_start + row_offset(row, view, rank, 3, 1);
            __global ELEMENT *target = to + to_start + row_offset(row, view, rank, 3, 2);
            for (long i = left; i < right; ++i)
                target[i * to_step] = source[i * from_step];
        }
    }
}
#endif

#ifdef GROUP_indexed
/* As move, with each element's place along one dimension of `from`, whose stride is `indexed_step`, read from `index`,
 * which has been checked to lie within that dimension. */
__kernel void move_indexed(const __global ELEMENT *restrict from, const __global INDEX *restrict index,
                           __global ELEMENT *restrict to, const __global long *restrict view, int rank,
                           long from_start, long index_start, long to_start, long indexed_step, long rows, long block)
{
    const long first = (long)get_global_id(0) * block;
    const long last = first + block < rows ? first + block : rows;
    const __global long *inner = view + (rank - 1) * 4;
    const long width = inner[0], from_step = inner[1], index_step = inner[2], to_step = inner[3];
    for (long row = first; row < last; ++row) {
        const __global ELEMENT *source = from + from_start + row_offset(row, view, rank, 4, 1);
        const __global INDEX *place = index + index_start + row_offset(row, view, rank, 4, 2);
        __global ELEMENT *target = to + to_start + row_offset(row, view, rank, 4, 3);
        for (long i = 0; i < width; ++i)
            target[i * to_step] = source[i * from_step + (long)place[i * index_step] * indexed_step];
    }
}
#endif
