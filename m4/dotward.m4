dnl Probes for compiler and linker flags. Each is tried with -Werror, as clang only warns of a flag it ignores,
dnl and each in a full link, as some flags compile and then lack a library.

dnl DOTWARD_TRY_CFLAGS(VARIABLE, FLAG...): appends each flag that works.
AC_DEFUN([DOTWARD_TRY_CFLAGS], [m4_foreach([flag], [m4_shift($@)], [dotward_try([$1], m4_defn([flag]), [CFLAGS])])])

dnl DOTWARD_TRY_LDFLAGS(VARIABLE, FLAG...): the same for the linker.
AC_DEFUN([DOTWARD_TRY_LDFLAGS], [m4_foreach([flag], [m4_shift($@)], [dotward_try([$1], m4_defn([flag]), [LDFLAGS])])])

m4_define([dotward_try], [
AC_MSG_CHECKING([whether $CC takes $2])
dotward_saved_cflags=$CFLAGS dotward_saved_ldflags=$LDFLAGS
CFLAGS="$CFLAGS -Werror $HARDEN_CFLAGS"
$3="$$3 $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes])
	$1="$$1 $2"],
	[AC_MSG_RESULT([no])])
CFLAGS=$dotward_saved_cflags LDFLAGS=$dotward_saved_ldflags
])

dnl DOTWARD_NEED_FLAGS(PREFIX, FLAGS, [LINKER-FLAGS]): FLAGS in PREFIX_CFLAGS and PREFIX_LDFLAGS, LINKER-FLAGS in the latter
dnl only, or the end of configure.
AC_DEFUN([DOTWARD_NEED_FLAGS], [
AC_MSG_CHECKING([whether $CC takes $2])
dotward_saved_cflags=$CFLAGS dotward_saved_ldflags=$LDFLAGS
CFLAGS="$CFLAGS $2" LDFLAGS="$LDFLAGS $2 $3"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
	[AC_MSG_RESULT([yes])],
	[AC_MSG_RESULT([no])
	AC_MSG_ERROR([$CC does not take $2, or a library for it is missing])])
CFLAGS=$dotward_saved_cflags LDFLAGS=$dotward_saved_ldflags
$1_CFLAGS="$$1_CFLAGS $2"
$1_LDFLAGS="$$1_LDFLAGS $2 $3"
])

dnl DOTWARD_FORTIFY(VARIABLE): the highest level of FORTIFY_SOURCE that the C library takes without a warning.
dnl Without optimisation there is none. Distributions predefine a level, so the old one is taken away first.
AC_DEFUN([DOTWARD_FORTIFY], [
AC_MSG_CHECKING([for the level of _FORTIFY_SOURCE])
dotward_saved_cppflags=$CPPFLAGS dotward_saved_cflags=$CFLAGS
dotward_level=none
for dotward_try_level in 3 2; do
	CFLAGS="$dotward_saved_cflags -Werror"
	CPPFLAGS="$dotward_saved_cppflags -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$dotward_try_level"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include <string.h>
#ifndef __OPTIMIZE__
#error no optimisation, no FORTIFY
#endif
]], [])], [dotward_level=$dotward_try_level; break])
done
CPPFLAGS=$dotward_saved_cppflags CFLAGS=$dotward_saved_cflags
AC_MSG_RESULT([$dotward_level])
AS_IF([test "$dotward_level" != none], [$1="$$1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$dotward_level"])
])
