#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Includes go down or stay level; layers below server do not include httpd; each
# foreign library is included by its own files only.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my %may_include = (
    base => [qw(base)],
    shm => [qw(shm base)],
    journal => [qw(journal shm base)],
    cluster => [qw(cluster journal shm base)],
    tls => [qw(tls base)],
    deliver => [qw(deliver tls journal shm base)],
    token => [qw(token base)],
    grip => [qw(grip token journal shm base)],
    server => [qw(server deliver tls grip token cluster journal shm base)],
    http => [qw(http server deliver tls grip token cluster journal shm base)],
    config => [qw(config http server deliver tls grip token cluster journal
        shm base)],
);

# library => [its headers, the files that may include them]
my %users_of = (
    libjwt => [qr/^jwt\.h$/, qr/^jwt\.c$/],
    libcrypto => [qr/^openssl\/(?!ssl\.h)/,
        qr/^(?:aead|incoming|key_schedule|pem|session|signer|socket_tls
            |tls_capture|tls_selftest)\.c$/x],
    libssl => [qr{^(?:openssl/ssl|mod_ssl_openssl)\.h$},
        qr/^(?:tls_(?:capture\.[ch]|selftest\.c|server\.c)|socket_tls\.c)$/],
    hiredis => [qr/^hiredis\//, qr{^parser\.c$}],
    libcurl => [qr/^curl\//, qr/^client\.c$/],
    jansson => [qr/^jansson\.h$/,
        qr{^(?:(?:body_items|body_json|claims|instruct|key|key_set|status)\.c
            |body_json_parse\.h)$}x],
);

my $httpd = qr/^(httpd|http_\w+|ap_\w+|util_\w+|mpm_common|scoreboard|mod_\w+
    |unixd)\.h$/x;
my $system = qr{^(pthread|signal|unistd|fcntl|poll|time|apr_(thread_\w+|file_io
    |network_io|poll|shm|global_mutex|proc_mutex))\.h$|^sys/(?!types\.h)}x;

# the files of base that may call the system; the others only compute
my $calls_system =
    qr/^(clock|line_queue|log_queue|queue_thread|sigblock|thread)\.[ch]$/;

my (@folders, @levels, @foreign, @own_first);
for my $path (c_files()) {
    my ($folder, $file) = $path =~ m{^src/(\w+)/([^/]+)$};
    my $text = text_of($path);
    my @ours = $text =~ /^\s*#\s*include\s+"([^"]+)"/mg;
    my @theirs = $text =~ /^\s*#\s*include\s+<([^>]+)>/mg;

    for my $include (@ours) {
        my ($to) = $include =~ m{^(\w+)/[^/]+\.h$};
        if ($include eq 'mod_eventstream.h') {
            push @levels, "$path: $include"
                if defined $folder && $folder !~ /^(server|http|config)$/;
        } elsif (!defined $to || !-f srcdir() . "/src/$include") {
            push @folders, "$path: \"$include\" is not a header in src/";
        } elsif (defined $folder
            && !grep { $_ eq $to } @{$may_include{$folder} || []}) {
            push @levels, "$path: $folder may not include $include";
        }
    }
    next if !defined $folder;
    for my $include (@theirs) {
        push @levels, "$path: $folder may not include httpd (<$include>)"
            if $include =~ $httpd && $folder !~ /^(server|http|config)$/;
        push @levels, "$path: base may not call the system (<$include>)"
            if $include =~ $system && $folder eq 'base'
                && $file !~ $calls_system;
        for my $library (sort keys %users_of) {
            my ($header, $users) = @{$users_of{$library}};
            push @foreign, "$path: may not include $library"
                if $include =~ $header && $file !~ $users;
        }
    }
    # client.c may start with client_priv.h, which has client.h
    (my $own = "$folder/$file") =~ s/\.[ch]$//;
    push @own_first, "$path: its first include is not \"$own.h\""
        if $path =~ /\.c$/ && -f srcdir() . "/src/$own.h"
            && (!@ours || $ours[0] !~ /^\Q$own\E(_priv)?\.h$/);
}

complain('an include of ours names the folder', @folders);
complain('includes go down or stay level', @levels);
complain('a foreign library is included by its own files only', @foreign);
complain('a file includes its own header first', @own_first);
done_testing;
