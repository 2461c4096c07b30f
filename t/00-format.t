#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The format of all text files: what clang-format checks, and what can be
# checked without it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my (@tabs, @blanks, @wide, @spdx, @ends, @comments, @assigned, @long);
for my $path (project_files()) {
    my $text = text_of($path);
    my $is_c = $path =~ /\.[ch]$/;
    my $is_code = $path =~ m{\.([ch]|t|pm|sh|pl|js|mjs|css|lua)$|/run(-all)?$};
    push @ends, $path if $text !~ /[^\n]\n\z/ || $text =~ /\r/;
    push @spdx, $path
        if $is_code && $text !~ /\A(#!.*\n)?.{0,3}SPDX-License-Identifier:/;
    my $number = 0;
    for my $line (split /\n/, $text) {
        my $at = "$path:" . ++$number;
        push @tabs, $at if $line =~ /\t/ && $path !~ /\.am$/;
        push @blanks, $at if $line =~ /[ \t]$/ && $path !~ /\.md$/;
        push @wide, $at if $is_code && length $line > 80;
        next if !$is_c;
        push @comments, $at if $line =~ m{^\s*//|[;{}]\s*//};
        push @assigned, $at
            if $line =~ /^\s*(\} else )?if\s*\(.*[\w\])] = [^=]/;
    }
    push @long, "$path: $number lines"
        if $number > 560 && $path =~ /^(src|mod_eventstream)/;
}
complain('a file ends with one LF and has no CR', @ends);
complain('code starts with its SPDX line', @spdx);
complain('no line has a tab', @tabs);
complain('no line ends with a blank', @blanks);
complain('no line of code has more than 80 columns', @wide);
complain('C comments are /* */', @comments);
complain('no if has an assignment', @assigned);
complain('no file of src/ has more than 560 lines', @long);

# Versions of clang-format differ; that of Debian 12 counts.
SKIP: {
    my $version = `clang-format --version 2>/dev/null` || '';
    skip 'no clang-format 14', 1 if $version !~ /version 14\./;
    my $dir = srcdir();
    my @files = map { "'$dir/$_'" } grep { /\.[ch]$/ } project_files();
    my @found = `clang-format --style=file --dry-run @files 2>&1`;
    my %seen;
    complain('clang-format changes nothing (clang-format -i does it)',
        grep { !$seen{$_}++ }
            map { m{^\Q$dir\E/(.*?:\d+):\d+: warning} } @found);
}
done_testing;
