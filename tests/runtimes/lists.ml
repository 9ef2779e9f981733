(* SPDX-License-Identifier: MIT *)
(* A moving collector, threads that are switched by a signal or a tick, and stack overflow as an exception. *)
let rec deep n = 1 + deep (n + 1)

let work () =
  let sum = ref 0 in
  for i = 1 to 200 do
    sum := !sum + List.length (List.init (i * 20) (fun k -> string_of_int k))
  done;
  !sum

let () =
  Gc.compact ();
  let over = try string_of_int (deep 0) with Stack_overflow -> "overflow" in
  Printf.printf "%d %s\n" (work ()) over
