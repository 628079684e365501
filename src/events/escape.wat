;; The loops of escape-plain.ts, sixteen bytes at a time: `npm run kernels` makes escape-wasm.ts of it.
;;
;; Both look at sixteen bytes, store them unseen, and step to the first one that does not stand for itself: `"`, `\` or
;; below 0x20. What is there decides. Each takes `size` bytes at `in`, writes to `out`, and stops before the first line
;; that is not whole, does not fit or is otherwise; what it did then stands at DONE. Loads reach up to 16 bytes past the
;; input, stores up to 16 past `room` bytes of output. The input ends with a byte, or is followed by one, that ends the loop.
;; The three behind them take a text, no lines; the first two return where it ends in the output.
(module
  (memory (export "memory") 516 516) ;; resident only as far as it is used

  ;; Who calls fills the tables once, HEAD for each call.
  (global $DONE (export "DONE") i32 (i32.const 0x0000))           ;; input consumed, output written, lines; 0: all ASCII
  (global $ESCAPES (export "ESCAPES") i32 (i32.const 0x0100))     ;; by byte, eight bytes: its escape, the last its size
  (global $UNESCAPED (export "UNESCAPED") i32 (i32.const 0x0900)) ;; by the byte after a backslash: the byte meant, or 0
  (global $HEX (export "HEX") i32 (i32.const 0x0a00))             ;; by byte: its value as a digit, or 0x80
  (global $HEAD (export "HEAD") i32 (i32.const 0x1000))
  (global (export "HEAD_SIZE_MAX") i32 (i32.const 0x1000))
  (global (export "IN") i32 (i32.const 0x2100))                   ;; for input and output that are not in this memory
  (global (export "IN_SIZE_MAX") i32 (i32.const 0x8000))
  (global (export "OUT") i32 (i32.const 0xa200))
  (global (export "OUT_SIZE_MAX") i32 (i32.const 0x20000))
  (global (export "FREE") i32 (i32.const 0x40000))                ;; from here on: memory for whoever calls

  (func $tell (param $consumed i32) (param $written i32) (param $count i32) (param $seen v128)
    (i32.store offset=0 (global.get $DONE) (local.get $consumed))
    (i32.store offset=4 (global.get $DONE) (local.get $written))
    (i32.store offset=8 (global.get $DONE) (local.get $count))
    (i32.store offset=12 (global.get $DONE) (i8x16.bitmask (local.get $seen))))

  ;; Raw lines, the last byte or the one after it a \n, to event lines of at most `room` bytes together.
  (func (export "escape") (param $in i32) (param $size i32) (param $out i32) (param $room i32) (param $headSize i32)
    (local $i i32) (local $o i32)                         ;; the next byte to look at, and its place
    (local $done i32) (local $end i32) (local $count i32) ;; all before $done is encoded, up to $end
    (local $stop i32) (local $last i32)
    (local $bytes v128) (local $seen v128) (local $specials i32) (local $byte i32)
    (local.set $i (local.get $in))
    (local.set $end (local.get $out))
    (local.set $stop (i32.add (local.get $i) (local.get $size)))
    ;; where a \n must stand at the latest: as if it took 6 bytes, and 3 for what follows a body
    (local.set $last (i32.sub (i32.add (local.get $end) (local.get $room)) (i32.const 9)))
    (block $full
      (loop $line
        (local.set $done (local.get $i))
        (br_if $full (i32.ge_u (local.get $i) (local.get $stop)))
        (br_if $full (i32.gt_s (i32.add (local.get $end) (local.get $headSize)) (local.get $last)))
        (local.set $o (i32.const 0))
        (loop $head
          (v128.store (i32.add (local.get $end) (local.get $o)) (v128.load (i32.add (global.get $HEAD) (local.get $o))))
          (local.set $o (i32.add (local.get $o) (i32.const 16)))
          (br_if $head (i32.lt_u (local.get $o) (local.get $headSize))))
        (local.set $o (i32.add (local.get $end) (local.get $headSize)))
        (loop $step
          (br_if $full (i32.gt_s (local.get $o) (local.get $last)))
          (local.set $bytes (v128.load (local.get $i)))
          (v128.store (local.get $o) (local.get $bytes))
          (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
          (local.set $specials ;; a bit for each byte
            (i8x16.bitmask
              (v128.or
                (i8x16.le_u (local.get $bytes) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                (v128.or
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))))
          (if (i32.eqz (local.get $specials))
            (then
              (local.set $i (i32.add (local.get $i) (i32.const 16)))
              (local.set $o (i32.add (local.get $o) (i32.const 16)))
              (br $step)))
          (local.set $specials (i32.ctz (local.get $specials)))
          (local.set $i (i32.add (local.get $i) (local.get $specials)))
          (local.set $o (i32.add (local.get $o) (local.get $specials)))
          (local.set $byte (i32.load8_u (local.get $i)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (if (i32.ge_u (local.get $byte) (i32.const 0x20)) ;; a backslash before it
            (then
              (i32.store16 (local.get $o) (i32.or (i32.const 0x5c) (i32.shl (local.get $byte) (i32.const 8))))
              (local.set $o (i32.add (local.get $o) (i32.const 2)))
              (br $step)))
          (if (i32.ne (local.get $byte) (i32.const 0x0a))
            (then
              (br_if $step ;; \r before \n goes
                (i32.and
                  (i32.eq (local.get $byte) (i32.const 0x0d))
                  (i32.eq (i32.load8_u (local.get $i)) (i32.const 0x0a))))
              (local.set $byte (i32.add (global.get $ESCAPES) (i32.shl (local.get $byte) (i32.const 3))))
              (i64.store (local.get $o) (i64.load (local.get $byte)))
              (local.set $o (i32.add (local.get $o) (i32.load8_u offset=7 (local.get $byte))))
              (br $step))))
        (br_if $full (i32.gt_s (local.get $o) (local.get $last)))
        (br_if $full (i32.gt_u (local.get $i) (local.get $stop))) ;; the \n that is not of the input
        (i32.store (local.get $o) (i32.const 0x0a7d22))           ;; "}\n
        (local.set $end (i32.add (local.get $o) (i32.const 3)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $line)))
    (call $tell
      (i32.sub (local.get $done) (local.get $in)) (i32.sub (local.get $end) (local.get $out))
      (local.get $count) (local.get $seen)))

  ;; Event lines, the last byte a \n or after it a 0, to raw lines of at most `room` bytes together: for a body there
  ;; must be room as for its escapes. 1: the line that it stopped before may be cut by the end of the input.
  (func (export "unescape")
    (param $in i32) (param $size i32) (param $out i32) (param $room i32) (param $headSize i32) (result i32)
    (local $i i32) (local $o i32)
    (local $done i32) (local $end i32) (local $count i32)
    (local $stop i32) (local $limit i32) (local $left i32)
    (local $bytes v128) (local $seen v128) (local $specials i32) (local $byte i32)
    (local.set $i (local.get $in))
    (local.set $o (local.get $out))
    (local.set $stop (i32.add (local.get $i) (local.get $size)))
    (local.set $limit (i32.add (local.get $o) (local.get $room)))
    (block $other
      (loop $line
        (local.set $done (local.get $i))
        (local.set $end (local.get $o))
        (if (i32.ge_u (i32.add (local.get $i) (local.get $headSize)) (local.get $stop))
          (then
            (local.set $i (local.get $stop))
            (br $other)))
        (local.set $left (local.get $headSize))
        (local.set $byte (global.get $HEAD))
        (loop $head
          (local.set $specials
            (i8x16.bitmask (i8x16.ne (v128.load (local.get $i)) (v128.load (local.get $byte)))))
          (if (i32.lt_s (local.get $left) (i32.const 16))
            (then
              (local.set $specials
                (i32.and (local.get $specials) (i32.sub (i32.shl (i32.const 1) (local.get $left)) (i32.const 1))))))
          (br_if $other (local.get $specials))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (local.set $byte (i32.add (local.get $byte) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 16)))
          (br_if $head (i32.gt_s (local.get $left) (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (local.get $left))) ;; back to the end of the head: $left is no more than 0
        ;; how far the end of the body may be: as if it were as long as what stands for it
        (local.set $left (i32.sub (i32.add (local.get $i) (local.get $limit)) (local.get $end)))
        (loop $step
          (br_if $other (i32.gt_s (local.get $i) (local.get $left)))
          (local.set $bytes (v128.load (local.get $i)))
          (v128.store (local.get $o) (local.get $bytes))
          (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
          (local.set $specials ;; a bit for each byte
            (i8x16.bitmask
              (v128.or
                (i8x16.le_u (local.get $bytes) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                (v128.or
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))))
          (if (i32.eqz (local.get $specials))
            (then
              (local.set $i (i32.add (local.get $i) (i32.const 16)))
              (local.set $o (i32.add (local.get $o) (i32.const 16)))
              (br $step)))
          (local.set $specials (i32.ctz (local.get $specials)))
          (local.set $i (i32.add (local.get $i) (local.get $specials)))
          (local.set $o (i32.add (local.get $o) (local.get $specials)))
          (if (i32.eq (i32.load8_u (local.get $i)) (i32.const 0x5c))
            (then
              (local.set $byte (i32.load8_u (i32.add (global.get $UNESCAPED) (i32.load8_u offset=1 (local.get $i)))))
              (if (i32.eqz (local.get $byte))
                (then
                  (br_if $other (i32.ne (i32.load (local.get $i)) (i32.const 0x3030755c))) ;; \u00
                  (local.set $byte
                    (i32.add
                      (i32.shl (i32.load8_u (i32.add (global.get $HEX) (i32.load8_u offset=4 (local.get $i)))) (i32.const 4))
                      (i32.load8_u (i32.add (global.get $HEX) (i32.load8_u offset=5 (local.get $i))))))
                  (br_if $other (i32.ge_u (local.get $byte) (i32.const 0x80)))
                  (local.set $i (i32.add (local.get $i) (i32.const 4)))))
              (i32.store8 (local.get $o) (local.get $byte))
              (local.set $i (i32.add (local.get $i) (i32.const 2)))
              (local.set $o (i32.add (local.get $o) (i32.const 1)))
              (br $step))))
        (br_if $other (i32.ne (i32.and (i32.load (local.get $i)) (i32.const 0xffffff)) (i32.const 0x0a7d22))) ;; "}\n
        (br_if $other (i32.ge_s (local.get $i) (local.get $left)))
        (i32.store8 (local.get $o) (i32.const 0x0a))
        (local.set $i (i32.add (local.get $i) (i32.const 3)))
        (local.set $o (i32.add (local.get $o) (i32.const 1)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $line)))
    (call $tell
      (i32.sub (local.get $done) (local.get $in)) (i32.sub (local.get $end) (local.get $out))
      (local.get $count) (local.get $seen))
    ;; an escape is 6 bytes long; in the middle of a head it is never looked at beyond the line
    (i32.gt_u (i32.add (local.get $i) (i32.const 6)) (local.get $stop)))

  ;; Event lines that `unescape` would take, given room: how many, and how long they are. Nothing is written.
  (func (export "skip") (param $in i32) (param $size i32) (param $headSize i32)
    (local $i i32) (local $done i32) (local $count i32) (local $stop i32) (local $left i32)
    (local $bytes v128) (local $seen v128) (local $specials i32) (local $byte i32)
    (local.set $i (local.get $in))
    (local.set $stop (i32.add (local.get $i) (local.get $size)))
    (block $other
      (loop $line
        (local.set $done (local.get $i))
        (br_if $other (i32.ge_u (i32.add (local.get $i) (local.get $headSize)) (local.get $stop)))
        (local.set $left (local.get $headSize))
        (local.set $byte (global.get $HEAD))
        (loop $head
          (local.set $specials
            (i8x16.bitmask (i8x16.ne (v128.load (local.get $i)) (v128.load (local.get $byte)))))
          (if (i32.lt_s (local.get $left) (i32.const 16))
            (then
              (local.set $specials
                (i32.and (local.get $specials) (i32.sub (i32.shl (i32.const 1) (local.get $left)) (i32.const 1))))))
          (br_if $other (local.get $specials))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (local.set $byte (i32.add (local.get $byte) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 16)))
          (br_if $head (i32.gt_s (local.get $left) (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (local.get $left)))
        (loop $step
          (local.set $bytes (v128.load (local.get $i)))
          (local.set $seen (v128.or (local.get $seen) (local.get $bytes)))
          (local.set $specials ;; a bit for each byte
            (i8x16.bitmask
              (v128.or
                (i8x16.le_u (local.get $bytes) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                (v128.or
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
                  (i8x16.eq (local.get $bytes) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))))
          (if (i32.eqz (local.get $specials))
            (then
              (local.set $i (i32.add (local.get $i) (i32.const 16)))
              (br $step)))
          (local.set $i (i32.add (local.get $i) (i32.ctz (local.get $specials))))
          (if (i32.eq (i32.load8_u (local.get $i)) (i32.const 0x5c))
            (then
              (if (i32.eqz (i32.load8_u (i32.add (global.get $UNESCAPED) (i32.load8_u offset=1 (local.get $i)))))
                (then
                  (br_if $other (i32.ne (i32.load (local.get $i)) (i32.const 0x3030755c))) ;; \u00
                  (br_if $other
                    (i32.ge_u
                      (i32.add
                        (i32.shl (i32.load8_u (i32.add (global.get $HEX) (i32.load8_u offset=4 (local.get $i)))) (i32.const 4))
                        (i32.load8_u (i32.add (global.get $HEX) (i32.load8_u offset=5 (local.get $i)))))
                      (i32.const 0x80)))
                  (local.set $i (i32.add (local.get $i) (i32.const 4)))))
              (local.set $i (i32.add (local.get $i) (i32.const 2)))
              (br $step))))
        (br_if $other (i32.ne (i32.and (i32.load (local.get $i)) (i32.const 0xffffff)) (i32.const 0x0a7d22))) ;; "}\n
        (br_if $other (i32.gt_u (i32.add (local.get $i) (i32.const 3)) (local.get $stop)))
        (local.set $i (i32.add (local.get $i) (i32.const 3)))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $line)))
    (call $tell (i32.sub (local.get $done) (local.get $in)) (i32.const 0) (local.get $count) (local.get $seen)))

  ;; A text as JSON has it, without its quotes.
  (func (export "quote") (param $in i32) (param $size i32) (param $out i32) (result i32)
    (local $stop i32) (local $bytes v128) (local $specials i32)
    (local.set $stop (i32.add (local.get $in) (local.get $size)))
    (block $done
      (loop $step
        (br_if $done (i32.ge_u (local.get $in) (local.get $stop)))
        (local.set $bytes (v128.load (local.get $in)))
        (v128.store (local.get $out) (local.get $bytes))
        (local.set $specials ;; a bit for each byte
          (i8x16.bitmask
            (v128.or
              (i8x16.le_u (local.get $bytes) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
              (v128.or
                (i8x16.eq (local.get $bytes) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
                (i8x16.eq (local.get $bytes) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))))
        (if (i32.eqz (local.get $specials))
          (then
            (local.set $in (i32.add (local.get $in) (i32.const 16)))
            (local.set $out (i32.add (local.get $out) (i32.const 16)))
            (br $step)))
        (local.set $specials (i32.ctz (local.get $specials)))
        (local.set $in (i32.add (local.get $in) (local.get $specials)))
        (local.set $out (i32.add (local.get $out) (local.get $specials)))
        (br_if $done (i32.ge_u (local.get $in) (local.get $stop)))
        (local.set $specials (i32.add (global.get $ESCAPES) (i32.shl (i32.load8_u (local.get $in)) (i32.const 3))))
        (i64.store (local.get $out) (i64.load (local.get $specials)))
        (local.set $out (i32.add (local.get $out) (i32.load8_u offset=7 (local.get $specials))))
        (local.set $in (i32.add (local.get $in) (i32.const 1)))
        (br $step)))
    (i32.sub (local.get $out) (i32.sub (local.get $in) (local.get $stop)))) ;; both went as far beyond the end

  ;; A text as it is.
  (func (export "copy") (param $in i32) (param $size i32) (param $out i32) (result i32)
    (local $at i32)
    (block $done
      (loop $step
        (br_if $done (i32.ge_u (local.get $at) (local.get $size)))
        (v128.store (i32.add (local.get $out) (local.get $at)) (v128.load (i32.add (local.get $in) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $step)))
    (i32.add (local.get $out) (local.get $size)))

  ;; How far it is to the first of these two bytes, `size`: there is none.
  (func (export "find") (param $in i32) (param $size i32) (param $one i32) (param $other i32) (result i32)
    (local $at i32) (local $bytes v128) (local $found i32)
    (block $done
      (loop $step
        (br_if $done (i32.ge_u (local.get $at) (local.get $size)))
        (local.set $bytes (v128.load (i32.add (local.get $in) (local.get $at))))
        (local.set $found
          (i8x16.bitmask
            (v128.or
              (i8x16.eq (local.get $bytes) (i8x16.splat (local.get $one)))
              (i8x16.eq (local.get $bytes) (i8x16.splat (local.get $other))))))
        (if (local.get $found)
          (then
            (local.set $at (i32.add (local.get $at) (i32.ctz (local.get $found))))
            (br $done)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $step)))
    (select (local.get $at) (local.get $size) (i32.lt_u (local.get $at) (local.get $size))))
)
