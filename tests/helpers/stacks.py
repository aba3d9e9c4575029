# SPDX-License-Identifier: GPL-2.0-or-later
"""
For gdb: the frames of every thread of the inferior, a line for each:
	gdb TID outermost|WHY PC...
innermost first, in hex.  Frames that gdb makes up from debug info, of inlined
functions and of tail calls, have no place on the stack and are left out.
"""
import gdb

real = (gdb.NORMAL_FRAME, gdb.SIGTRAMP_FRAME)
done = (gdb.FRAME_UNWIND_OUTERMOST, gdb.FRAME_UNWIND_NO_REASON)

for thread in gdb.selected_inferior().threads():
    thread.switch()
    frame = gdb.newest_frame()
    pcs = []
    while frame is not None:
        last = frame
        if frame.type() in real:
            pcs.append("%x" % frame.pc())
        try:
            frame = frame.older()
        except gdb.error:
            break
    reason = last.unwind_stop_reason()
    why = "outermost" if reason in done else \
        gdb.frame_stop_reason_string(reason).replace(" ", "-")
    print("gdb", thread.ptid[1], why, *pcs)
