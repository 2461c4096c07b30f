#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh leaves nothing behind in /usr/sbin when it is interrupted while
# it installs packages. Its functions run with another path here, and install
# nothing.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp;
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Source;

my $folder = File::Temp->newdir;
my $policy = "$folder/policy-rc.d";
my $begun = "$folder/begun";

sub functions
{
    open my $in, '<', srcdir() . '/quickstart.sh' or die $!;
    local $/;
    my ($text) = <$in> =~ /\A(.*?)^# ---- Build/ms or die 'no functions';
    my $count = $text =~ s{/usr/sbin/policy-rc\.d}{$policy}g;
    die "no path of policy-rc.d\n" if !$count;
    return $text;
}

sub spew
{
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!";
    print {$out} $text;
    close $out or die "$file: $!";
    return;
}

# Calls install_without_services as root would. Its installation is $install.
sub spawn
{
    my ($install) = @_;
    spew("$folder/script", functions() . <<"SH");
id() { echo 0; }
has() { return 1; }
install_missing() { : > '$begun'; $install; missing=; }
missing=' nothing'
install_without_services
SH
    unlink $begun;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        setpgrp;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        exec 'sh', "$folder/script" or POSIX::_exit(127);
    }
    my $until = time + 10;
    sleep 0.02 while !-e $begun && time < $until;
    return $pid;
}

for my $signal (qw(INT TERM HUP)) {
    my $pid = spawn('sleep 20');
    ok -x $policy, "$signal: no service starts during the installation";
    kill $signal => -$pid;
    waitpid $pid, 0;
    isnt $?, 0, "$signal: the script ends";
    ok !-e $policy, "$signal: policy-rc.d is removed";
    unlink $policy;
}

waitpid spawn('false'), 0;
isnt $?, 0, 'an installation that fails ends the script';
ok !-e $policy, 'policy-rc.d is removed then';
unlink $policy;

waitpid spawn(':'), 0;
is $?, 0, 'an installation succeeds';
ok !-e $policy, 'policy-rc.d is removed after it';

spew($policy, "mine\n");
my $pid = spawn('sleep 20');
kill INT => -$pid;
waitpid $pid, 0;
ok -e $policy, 'a policy-rc.d that existed is kept';
done_testing;
