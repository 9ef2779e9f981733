;;; SPDX-License-Identifier: MIT
;;; A collector that goes by faults and signals: threads are stopped, contexts edited, a guard page that becomes an error.
(defun conses (n) (let ((all nil)) (dotimes (i n) (push (make-array 20 :initial-element i) all)) (length all)))
(print (let ((sum 0)) (dotimes (i 30) (incf sum (conses 20000))) sum))
(gc :full t)
(print (handler-case (labels ((deep (n) (+ 1 (deep n)))) (deep 1)) (storage-condition () :exhausted)))
#+sb-thread
(print (let ((threads (loop repeat 4 collect (sb-thread:make-thread (lambda () (conses 50000))))))
         (reduce #'+ (mapcar #'sb-thread:join-thread threads))))
(print (handler-case (sb-ext:with-timeout 0.2 (loop)) (sb-ext:timeout () :late)))
(terpri)
