# SPDX-License-Identifier: Apache-2.0
package EventStream::Tls;

=head1 NAME

EventStream::Tls - a test of plain clients, run over TLS

=head1 SYNOPSIS

    use EventStream::Tls;       # before others of ours; exports over_tls

    cmp_ok $unsent, '<', $bound + (over_tls() ? RECORD : 0), 'the bound holds';

=head1 DESCRIPTION

With the variable ES_TEST_TLS=1.3 (or 1.2) a test runs over TLS of this version:
its httpd speaks TLS at all its ports (EventStream::Httpd), and all sockets that
the test connects to them are clients over TLS, by a library that is preloaded
into perl (t/tls/tlsclient.c tells what differs for a test). The test itself
need not know. t/tls/tests lists those that run this way in make check and in
make check-tls.

=head1 FUNCTIONS

=over

=item over_tls

The version, '' for plain connections. A test asks where a fact is another one
over TLS, and tells why.

=item curl_options

The options by which curl uses this version.

=item listens(@ports), listens_at($port)

Declares that these ports speak TLS; true if this one does.

=back

=cut

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use Test::More ();

use EventStream::Reexec;

our @EXPORT = qw(over_tls);

# Leaks are left to the unit tests.
my $NO_LEAKS = 'detect_leaks=0';

my $version = $ENV{ES_TEST_TLS} || '';
die "ES_TEST_TLS is 1.2 or 1.3, not $version\n"
    if $version !~ /\A(1\.[23])?\z/;

sub over_tls { return $version }

sub curl_options
{
    return $version ? ('--tls-max', $version, "--tlsv$version") : ();
}

# The library reads this variable at each connect().
sub listens
{
    my (@ports) = @_;
    $ENV{ES_TLS_PORTS} = join ' ', $ENV{ES_TLS_PORTS} || '', @ports, '';
    return;
}

sub listens_at
{
    my ($port) = @_;
    return $version && ($ENV{ES_TLS_PORTS} || '') =~ / $port / ? 1 : 0;
}

# ---- perl is executed again with the library -------------------------------

sub is_preloaded
{
    open my $in, '<', '/proc/self/maps' or die "/proc/self/maps: $!";
    return scalar grep { m{/tlsclient\.so$} } <$in>;
}

# Of t/build.conf.
sub value
{
    my ($dir, $key) = @_;
    open my $in, '<', "$dir/t/build.conf" or die "$dir/t/build.conf: $!";
    my ($value) = map { /^$key=(.*)$/ ? $1 : () } <$in>;
    return $value;
}

sub skip_without_tls
{
    my ($dir) = @_;
    Test::More::plan(skip_all => 'built without mod_ssl_openssl.h')
        if value($dir, 'detaches_tls') ne 'yes';
    Test::More::plan(skip_all => 'this httpd has no mod_ssl')
        if !-f value($dir, 'moduledir') . '/mod_ssl.so';
    return;
}

sub preload
{
    my $dir = $ENV{ES_BUILDDIR} || Cwd::getcwd();
    skip_without_tls($dir);
    my $library = "$dir/t/tls/.libs/tlsclient.so";
    die "$library: $!; make check builds it\n" if !-f $library;
    # in a build with sanitizers their runtime comes first
    my @preload = grep { $_ } value($dir, 'preload'), $library;
    $ENV{ASAN_OPTIONS} ||= $NO_LEAKS if @preload > 1;
    reexec('ES_TLS_PRELOADED', 'env', 'LD_PRELOAD=' . join ':', @preload);
    die "$library could not be loaded into perl\n";
}

# Not for what the test starts.
if ($version) {
    preload() if !is_preloaded();
    delete $ENV{ES_TLS_PRELOADED};
    delete $ENV{ASAN_OPTIONS} if ($ENV{ASAN_OPTIONS} || '') eq $NO_LEAKS;
}

1;
