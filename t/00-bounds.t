#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# docs/bounds.md names each file of src/ that has a loop, a lock or a wait. The
# files, functions, tests and facts that it names exist.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my $page = text_of('docs/bounds.md');

my $waits = qr/pthread_mutex_lock|apr_thread_mutex_lock|pthread_cond_\w*wait
    |\bpoll\(|epoll_wait|apr_sleep|nanosleep|es_store_lock\(|es_lock_acquire/x;
my $loops = qr/\b(?:for|while)\s*\(|\bdo\s*\{/;

my (@unnamed, $found);
for my $path (grep { m{^src/\w+/\w+\.c$} } c_files()) {
    (my $code = text_of($path)) =~ s{/\*.*?\*/}{}gs;
    next if $code !~ $waits && $code !~ $loops;
    $found++;
    my ($name) = $path =~ m{^src/(.+)\.c$};
    push @unnamed, $path if $page !~ /`$name`/;
}
cmp_ok $found, '>', 100, 'there are files with loops';
complain('docs/bounds.md names each file with a loop, a lock or a wait',
    @unnamed);

# The file that a name with a slash stands for.
sub file_of
{
    my ($name) = @_;
    my ($path) = grep { -f srcdir() . "/$_" } $name, "$name.c", "src/$name.c";
    return $path;
}

# What follows a file's name, in the same cell or sentence, occurs in the file.
my (@gone, $words);
for my $part (split /\n\n|\||^\* /m, $page) {
    my $text;
    while ($part =~ /`([\w\/.-]+)`/g) {
        my $name = $1;
        if ($name =~ m{^\w+/\w}) {
            my $path = file_of($name);
            push @gone, $name if !$path;
            $text = $path && text_of($path);
        } elsif ($text && $name =~ /_|^\w+$/ && $name =~ /^[a-z]\w*$/) {
            $words++;
            push @gone, "$name in its file" if $text !~ /\b$name\b/;
        }
    }
}
cmp_ok $words, '>', 50, 'it names functions and facts';
complain('files, functions and facts that it names exist', @gone);

done_testing;
