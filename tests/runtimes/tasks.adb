--  SPDX-License-Identifier: MIT
--  Tasks, and a stack overflow that becomes an exception by a handler on a stack of its own.
with Ada.Text_IO;

procedure Tasks is
   task type Worker is
      entry Done (Sum : out Integer);
   end Worker;

   task body Worker is
      Block : array (1 .. 10_000) of Integer := (others => 1);
      Total : Integer := 0;
   begin
      for I in Block'Range loop
         Total := Total + Block (I);
      end loop;
      accept Done (Sum : out Integer) do
         Sum := Total;
      end Done;
   end Worker;

   Workers : array (1 .. 8) of Worker;
   Sum, All_Of_Them : Integer := 0;
   Caught : Integer := 0;

   type Pointer is access Integer;
   Nothing : Pointer := null;
   pragma Volatile (Nothing);
begin
   for I in Workers'Range loop
      Workers (I).Done (Sum);
      All_Of_Them := All_Of_Them + Sum;
   end loop;
   for I in 1 .. 10 loop
      begin
         Nothing.all := I;
      exception
         when Constraint_Error => Caught := Caught + 1;
      end;
   end loop;
   Ada.Text_IO.Put_Line (Integer'Image (All_Of_Them) & Integer'Image (Caught));
end Tasks;
